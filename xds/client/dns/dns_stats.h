#pragma once

#include <memory>
#include <string>

#include "remora/core/stats.h"

namespace remora::xds {

/// cluster.<name>.update_* of a cluster whose hosts are resolved. What finds the hosts as they were counts in
/// update_no_rebuild, with the cluster. Source: Envoy, cluster statistics.
enum DnsClusterStat : size_t { kUpdateAttempt, kUpdateSuccess, kUpdateFailure, kUpdateEmpty };
std::shared_ptr<StatScope> make_dns_cluster_scope(StatsStore& store, const std::string& stat_name);

/// dns.cares.*, of all resolvers together. Source: Envoy, DNS resolution architecture overview.
enum CaresStat : size_t {
  kResolveTotal,
  kPendingResolutions,
  kNotFound,
  kGetAddrFailure,
  kTimeouts,
  kReinits
};
std::shared_ptr<StatScope> make_cares_scope(StatsStore& store);

}  // namespace remora::xds
