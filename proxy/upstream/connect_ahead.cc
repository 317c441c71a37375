// Connections that are made before requests need them (preconnect_policy).

#include "stats/cluster_stats.h"
#include "upstream/pool.h"
#include "upstream/upstream_connection.h"
#include "upstream/worker_cluster.h"

namespace remora {

/// A host that is not well gets no more than it needs.
bool HostPool::wants_more_for(size_t streams, double ratio) const {
  if (retired_ || attempts_ >= most_attempts_) return false;
  const double wanted = static_cast<double>(streams) * ratio;
  return wanted > static_cast<double>(provided_) && host_->host().health() == HostHealth::kHealthy;
}

/// So that the next requests need not wait: as many connections as for some more streams than there are.
void HostPool::connect_ahead(bool high_priority) {
  for (int made = 0; made < kMostAhead && wants_more_for(waiting_ + active_, ahead_); ++made) {
    if (!connect(high_priority)) return;
  }
}

/// The first connection of a pool is made in spite of an open breaker: not so for requests that may come.
bool HostPool::connect_for_next(double ratio) {
  if (connections_.empty() && cluster_->breakers().open(Resource::kConnections, false)) return false;
  return wants_more_for(waiting_ + active_ + 1, ratio) && connect(false);
}

void HostPool::count_provided(size_t before, size_t now) {
  provided_ += now - before;
  cluster_->count_provided(before, now);
}

/// The pools of those hosts are such as the request's own.
void WorkerCluster::connect_ahead(const HostPool& asking) {
  const double ratio = config().preconnect->predictive_ratio;
  const auto streams = stats_.value(kUpstreamRqActive) + stats_.value(kUpstreamRqPendingActive) + 1;
  for (int made = 0; made < HostPool::kMostAhead; ++made) {
    if (static_cast<double>(streams) * ratio <= static_cast<double>(provided_) || hosts_ == nullptr) return;
    const Host* host = balancer_.foresee(*hosts_);
    if (host == nullptr || !pool_of(*host, asking.key())->connect_for_next(ratio)) return;
  }
}

}  // namespace remora
