#include "drop_overload.h"

#include "remora/http/header_map.h"

namespace remora {

LocalReply reply_of_overload(bool everything, bool suppress_envoy_headers) {
  LocalReply reply{.status = 503,
                   .body = "drop overload",
                   .details = "drop_overload",
                   .flag = ResponseFlag::kDropOverload,
                   .edit_head = {}};
  std::string_view header = "x-envoy-drop-overload";
  if (everything) {
    reply.body = "unconditional drop overload";
    reply.details = "unconditional_drop_overload";
    reply.flag = ResponseFlag::kUnconditionalDropOverload;
    header = "x-envoy-unconditional-drop-overload";
  }
  if (!suppress_envoy_headers) reply.edit_head = [header](HeaderMap& head) { head.set(header, "true"); };
  return reply;
}

}  // namespace remora
