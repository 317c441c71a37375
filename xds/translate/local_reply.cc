#include "translate/local_reply.h"

#include "translate/access_log.h"
#include "translate/format.h"
#include "translate/header_mutations.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

LocalReplyMapper to_mapper(const hcm::ResponseMapper& mapper, Context& context) {
  LocalReplyMapper out;
  if (mapper.has_filter()) {
    const auto scope = context.in("filter");
    out.filter = to_access_log_filter(mapper.filter(), context);
  } else {
    context.error("filter", "is required");
  }
  if (mapper.has_status_code()) {
    const uint32_t status = mapper.status_code().value();
    if (status < 200 || status > 599)
      context.error("status_code", std::to_string(status) + " is not between 200 and 599");
    out.status = static_cast<uint16_t>(status);
  }
  if (mapper.has_body()) out.body = to_bytes(mapper.body(), "body", context);
  out.headers = to_header_mutations(mapper.headers_to_add(), "headers_to_add", {}, "", context);
  if (mapper.has_body_format_override()) {
    const auto scope = context.in("body_format_override");
    out.body_format = to_body_format(mapper.body_format_override(), context);
  }
  return out;
}

}  // namespace

LocalReplyConfig to_local_reply(const hcm::LocalReplyConfig& config, Context& context) {
  LocalReplyConfig out;
  for (int i = 0; i < config.mappers_size(); ++i) {
    const auto scope = context.in("mappers", i);
    out.mappers.push_back(to_mapper(config.mappers(i), context));
  }
  if (config.has_body_format()) {
    const auto scope = context.in("body_format");
    out.body_format = to_body_format(config.body_format(), context);
  }
  return out;
}

}  // namespace remora::xds
