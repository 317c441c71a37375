#include "upstream_head.h"

#include "rewrite.h"

namespace remora {

void prepare_upstream_head(const RouteLevels& levels, bool keep_original, HeaderMap& head,
                           const ExchangeInfo& info) {
  apply_request_mutations(levels, head, info);
  const HostRewrite& rewrite = levels.route.forward.host_rewrite;
  if (levels.weighted != nullptr && !levels.weighted->host_rewrite.empty()) {
    rewrite_host_to(levels.weighted->host_rewrite, rewrite.append_x_forwarded_host, head);
  } else {
    rewrite_host(rewrite, head);
  }
  rewrite_path(levels.route, keep_original, head);
}

}  // namespace remora
