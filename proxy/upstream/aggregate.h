#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "remora/config/cluster.h"
#include "upstream/host_set.h"

namespace remora {

class HostPool;
class LoadBalancer;
class WorkerCluster;
class WorkerClusters;
template <typename T>
class LocalRef;
struct LbContext;

/// The priorities of several clusters as one list: those of the first, then those of the next, without those
/// that have no hosts. Source: Envoy, aggregate cluster.
struct JoinedPriorities {
  struct Source {
    uint32_t member;    ///< the cluster's place among the names
    uint32_t priority;  ///< its own
  };
  PriorityLevels levels;        ///< only the shares, and what they follow from: no hosts
  std::vector<Source> sources;  ///< of each level
};

/// Of clusters of these names, as far as `find` knows hosts of them. An aggregate cluster has none of its
/// own, so that one among the members is passed over, as in Envoy.
JoinedPriorities join_priorities(const RareList<std::string>& names, uint32_t panic_threshold,
                                 const std::function<const HostSet*(const std::string&)>& find);

/// The choice of an aggregate cluster on one worker: a priority of one of its members, which then chooses the
/// host. Members come and go at any time. Joined anew at the first request after some cluster has changed.
class AggregateChoice {
 public:
  /// Both must outlive it.
  AggregateChoice(const ClusterConfig& config, WorkerClusters& clusters)
      : config_(config),
        clusters_(clusters) {}

  /// As WorkerCluster::pick(): a pool of a member. `balancer`: the aggregate cluster's.
  LocalRef<HostPool> pick(LoadBalancer& balancer, const LbContext& context);
  /// The place in the joined list of a priority of the member of that name; 0 if it is not there any more.
  [[nodiscard]] uint32_t joined(const std::string& member, uint32_t priority) const;

 private:
  const ClusterConfig& config_;
  WorkerClusters& clusters_;
  JoinedPriorities joined_;
  uint64_t change_ = 0;
};

}  // namespace remora
