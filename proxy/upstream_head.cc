#include "upstream_head.h"

#include "rewrite.h"

namespace remora {

void prepare_upstream_head(const RouteLevels& levels, bool keep_original, HeaderMap& head,
                           const ExchangeInfo& info) {
  apply_request_mutations(levels, head, info);
  rewrite_host(levels.route.forward.host_rewrite, head, info);
  rewrite_path(levels.route, keep_original, head, info);
}

}  // namespace remora
