#include "route_counters.h"

#include <algorithm>

#include "stats/http_stats.h"

namespace remora {
namespace {

const VirtualCluster* find_virtual_cluster(const VirtualHost& host, const HeaderMap& head) {
  const auto holds = [&head](const VirtualCluster& cluster) {
    return std::ranges::all_of(cluster.headers, [&](const auto& matcher) { return matcher.matches(head); });
  };
  const auto found = std::ranges::find_if(host.virtual_clusters, holds);
  return found == host.virtual_clusters.end() ? nullptr : &*found;
}

}  // namespace

void RouteCounters::begin(const VirtualHost& host, const Route& route, const HeaderMap& head, size_t shard) {
  virtual_cluster_ = find_virtual_cluster(host, head);
  blocks_[0] = virtual_cluster_ == nullptr ? nullptr : &virtual_cluster_->stats->block(shard);
  blocks_[1] = route.stats == nullptr ? nullptr : &route.stats->block(shard);
}

void RouteCounters::answer(uint16_t status) {
  for (StatBlock* block : blocks_) {
    if (block == nullptr) continue;
    block->add(kRouteRqCompleted);
    block->add(class_stat(kRouteRq1xx, status));
    block->count_status(status);
  }
}

void RouteCounters::time(uint64_t milliseconds) {
  for (StatBlock* block : blocks_) {
    if (block != nullptr) block->record(kRouteRqTime, milliseconds);
  }
}

}  // namespace remora
