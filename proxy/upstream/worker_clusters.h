#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "local_ref.h"
#include "string_map.h"
#include "upstream/cluster_runtime.h"
#include "upstream/worker_cluster.h"

namespace remora {

/// The clusters of one worker by name. What a worker needs for requests to one (WorkerCluster) is made when
/// the first request asks for it: of ten thousand clusters a worker uses some. Not thread-safe.
class WorkerClusters {
 public:
  explicit WorkerClusters(UpstreamContext context) : context_(context) { context_.clusters = this; }
  WorkerClusters(const WorkerClusters&) = delete;
  WorkerClusters& operator=(const WorkerClusters&) = delete;

  /// A cluster, or another version of it.
  void put(std::shared_ptr<const ClusterRuntime> runtime, std::shared_ptr<const HostSet> hosts);
  void set_hosts(const std::string& name, std::shared_ptr<const HostSet> hosts);
  void remove(const std::string& name);
  void retire_all();
  /// Closes all connections to upstreams that carry nothing, so that there are descriptors again; their
  /// number.
  size_t close_resting();

  [[nodiscard]] bool has(std::string_view name) const { return known_.find(name) != known_.end(); }
  /// Empty if there is none of that name.
  LocalRef<WorkerCluster> find(std::string_view name);
  /// The hosts of a cluster, whether anybody has asked for it or not; null if there is none of that name.
  [[nodiscard]] const HostSet* hosts(std::string_view name) const;
  /// Another number after each change of any cluster.
  [[nodiscard]] uint64_t changes() const { return changes_; }
  /// How many are in use.
  [[nodiscard]] size_t made() const;

 private:
  struct Known {
    std::shared_ptr<const ClusterRuntime> runtime;
    std::shared_ptr<const HostSet> hosts;
    LocalRef<WorkerCluster> cluster;  // empty: nobody has asked for it yet
  };
  UpstreamContext context_;
  StringMap<Known> known_;
  uint64_t changes_ = 1;
};

}  // namespace remora
