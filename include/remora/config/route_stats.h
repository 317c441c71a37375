#pragma once

#include <cstddef>
#include <string_view>

#include "remora/core/stats.h"

namespace remora {

/// What is counted for virtual clusters and for routes with a stat_prefix, in the order of
/// route_stat_schema(). Source: Envoy, virtual cluster and route statistics.
enum RouteStat : size_t {
  kRouteRqTotal,
  kRouteRqRetry,
  kRouteRqRetryLimitExceeded,
  kRouteRqRetryOverflow,
  kRouteRqRetrySuccess,
  kRouteRqTimeout,
  kRouteRqCompleted,
  kRouteRq1xx,
  kRouteRq2xx,
  kRouteRq3xx,
  kRouteRq4xx,
  kRouteRq5xx,
  kRouteRqTime,
  kRouteStatCount
};

StatSchema route_stat_schema();
/// vhost.<host>.vcluster.<name>.
ScopeName virtual_cluster_scope_name(std::string_view host, std::string_view name);
/// vhost.<host>.route.<prefix>.
ScopeName route_scope_name(std::string_view host, std::string_view prefix);

}  // namespace remora
