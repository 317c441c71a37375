#include "upstream/worker_clusters.h"

#include <algorithm>
#include <utility>

namespace remora {

void WorkerClusters::put(std::shared_ptr<const ClusterRuntime> runtime,
                         std::shared_ptr<const HostSet> hosts) {
  Known& known = known_[runtime->config->name];
  if (known.cluster) known.cluster->retire();
  known = {std::move(runtime), std::move(hosts), {}};
  ++changes_;
}

void WorkerClusters::set_hosts(const std::string& name, std::shared_ptr<const HostSet> hosts) {
  const auto found = known_.find(name);
  if (found == known_.end()) return;
  if (found->second.cluster) found->second.cluster->set_hosts(hosts);
  found->second.hosts = std::move(hosts);
  ++changes_;
}

void WorkerClusters::remove(const std::string& name) {
  const auto found = known_.find(name);
  if (found == known_.end()) return;
  const auto cluster = std::move(found->second.cluster);
  known_.erase(found);
  ++changes_;
  if (cluster) cluster->retire();
}

void WorkerClusters::retire_all() {
  for (auto& [name, known] : known_) {
    if (known.cluster) known.cluster->retire();
  }
  known_.clear();
  ++changes_;
}

size_t WorkerClusters::close_resting() {
  size_t closed = 0;
  for (auto& [name, known] : known_) {
    if (known.cluster) closed += known.cluster->close_resting();
  }
  return closed;
}

const HostSet* WorkerClusters::hosts(std::string_view name) const {
  const auto found = known_.find(name);
  return found == known_.end() ? nullptr : found->second.hosts.get();
}

LocalRef<WorkerCluster> WorkerClusters::find(std::string_view name) {
  const auto found = known_.find(name);
  if (found == known_.end()) return {};
  Known& known = found->second;
  if (!known.cluster) {
    known.cluster = LocalRef<WorkerCluster>(new WorkerCluster(context_, known.runtime));
    known.cluster->set_hosts(known.hosts);
  }
  return known.cluster;
}

size_t WorkerClusters::made() const {
  return static_cast<size_t>(std::ranges::count_if(
      known_, [](const auto& entry) { return static_cast<bool>(entry.second.cluster); }));
}

}  // namespace remora
