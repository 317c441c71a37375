#include <utility>

#include "remora/filter/http_filter.h"

namespace remora {

Resume::~Resume() {
  if (!target_) return;
  LocalReply reply;
  reply.status = 500;
  reply.details = "filter_dropped_exchange";
  use(Verdict::reply(std::move(reply)));
}

}  // namespace remora
