#pragma once

#include "remora/core/stats.h"

namespace remora {

/// cluster.<name>.health_check.*, of clusters with active health checks; all counted by the main thread.
/// Source: Envoy, health check statistics.
enum HealthCheckStat : size_t {
  kHealthCheckAttempt,
  kHealthCheckSuccess,
  kHealthCheckFailure,
  kHealthCheckPassiveFailure,
  kHealthCheckNetworkFailure,
  kHealthCheckVerifyCluster,
  kHealthCheckHealthy,
  kHealthCheckDegraded,
  kHealthCheckStatCount
};

StatSchema health_check_stat_schema();
ScopeName health_check_scope_name(std::string_view stat_name);

}  // namespace remora
