#pragma once

#include <functional>
#include <memory>
#include <string>

#include "remora/config/cluster.h"
#include "remora/core/stats.h"
#include "upstream/host_set.h"
#include "upstream/limit.h"
#include "upstream/outlier.h"

namespace remora {

class ClusterTls;
class DestinationHosts;
class OverloadState;

using ReportOutlier =
    std::function<void(const std::string& cluster, const std::shared_ptr<HostState>&, Ejection)>;

/// The host of the cluster of that name has told a worker that it is to be left alone.
using ReportUnhealthy = std::function<void(const std::string& cluster, const std::shared_ptr<HostState>&)>;

/// What all workers share of one version of one cluster. Made on the main thread, immutable except for what
/// its parts say of themselves.
struct ClusterRuntime {
  std::shared_ptr<const ClusterConfig> config;
  StatsStore* store = nullptr;                     // for scopes that are only made once needed
  std::shared_ptr<StatScope> stats;                // cluster_stat_schema()
  std::shared_ptr<StatScope> zone_stats;           // zone_stat_schema(); null: requests do not stay in zones
  std::shared_ptr<CircuitBreakers> breakers;       // survives updates of the cluster
  std::shared_ptr<const ClusterTls> tls;           // null: plain text
  std::shared_ptr<DestinationHosts> destinations;  // of this version; null: not of type ORIGINAL_DST
  /// Hands a reached threshold of the cluster of that name to the main thread. Any thread; one for all
  /// clusters.
  std::shared_ptr<const ReportOutlier> report_outlier;
  /// The same for x-envoy-immediate-health-check-fail; null: the cluster has no health checks.
  std::shared_ptr<const ReportUnhealthy> report_unhealthy;
  std::shared_ptr<const OverloadState> overload;  // null: there is no overload manager
};

}  // namespace remora
