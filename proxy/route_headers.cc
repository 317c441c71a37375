#include "route_headers.h"

namespace remora {
namespace {

template <typename Apply>
void each_level(const RouteLevels& levels, HeaderMutations RouteConfig::*of_table,
                HeaderMutations VirtualHost::*of_host, HeaderMutations Route::*of_route, Apply apply) {
  if (levels.table.most_specific_mutations_win) {
    apply(levels.table.*of_table);
    apply(levels.host.*of_host);
    apply(levels.route.*of_route);
  } else {
    apply(levels.route.*of_route);
    apply(levels.host.*of_host);
    apply(levels.table.*of_table);
  }
}

}  // namespace

void apply_request_mutations(const RouteLevels& levels, HeaderMap& head, const ExchangeInfo& info) {
  if (const auto* const weighted = levels.weighted; weighted != nullptr) {
    weighted->request_headers.apply(head, info);
    // The other levels may read this host. It leaves no trace of the one before, and a route's comes over it.
    if (!weighted->host_rewrite.empty()) head.set(HeaderId::kAuthority, weighted->host_rewrite);
  }
  each_level(levels, &RouteConfig::request_headers, &VirtualHost::request_headers, &Route::request_headers,
             [&](const HeaderMutations& level) { level.apply(head, info); });
}

void apply_response_mutations(const RouteLevels& levels, HeaderMap& head, const ExchangeInfo& info) {
  if (levels.weighted != nullptr) levels.weighted->response_headers.apply(head, info);
  each_level(levels, &RouteConfig::response_headers, &VirtualHost::response_headers, &Route::response_headers,
             [&](const HeaderMutations& level) { level.apply(head, info); });
}

}  // namespace remora
