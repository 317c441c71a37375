#include "route_headers.h"

namespace remora {
namespace {

template <typename Apply>
void each_level(const RouteLevels& levels, HeaderMutations RouteConfig::*of_table,
                HeaderMutations VirtualHost::*of_host, HeaderMutations Route::*of_route,
                HeaderMutations WeightedCluster::*of_weighted, Apply apply) {
  const auto& [table, host, route, weighted] = levels;
  if (table.most_specific_mutations_win) {
    apply(table.*of_table);
    apply(host.*of_host);
    apply(route.*of_route);
    if (weighted != nullptr) apply(weighted->*of_weighted);
    return;
  }
  if (weighted != nullptr) apply(weighted->*of_weighted);
  apply(route.*of_route);
  apply(host.*of_host);
  apply(table.*of_table);
}

}  // namespace

void apply_request_mutations(const RouteLevels& levels, HeaderMap& head, const ExchangeInfo& info) {
  each_level(levels, &RouteConfig::request_headers, &VirtualHost::request_headers, &Route::request_headers,
             &WeightedCluster::request_headers,
             [&](const HeaderMutations& level) { level.apply(head, info); });
}

void apply_response_mutations(const RouteLevels& levels, HeaderMap& head, const ExchangeInfo& info) {
  each_level(levels, &RouteConfig::response_headers, &VirtualHost::response_headers, &Route::response_headers,
             &WeightedCluster::response_headers,
             [&](const HeaderMutations& level) { level.apply(head, info); });
}

}  // namespace remora
