// What a ClusterManager shows of its clusters: to the admin interface, and in gauges.

#include <iterator>

#include "admin/admin_view.h"
#include "stats/cluster_stats.h"
#include "upstream/cluster_entry.h"
#include "upstream/destination_hosts.h"

namespace remora {

void ClusterManager::each_cluster(const std::function<void(const AdminCluster&)>& visit) const {
  AdminCluster view;
  for (const auto& [name, entry] : clusters_) {
    view.config = entry->runtime->config.get();
    view.hosts.clear();
    if (const auto* outlier = entry->outlier()) {
      view.success_rate_average = outlier->success_rate_average(false);
      view.success_rate_ejection_threshold = outlier->success_rate_threshold(false);
      view.local_origin_success_rate_average = outlier->success_rate_average(true);
      view.local_origin_success_rate_ejection_threshold = outlier->success_rate_threshold(true);
      view.latency_median = outlier->latency_median();
      view.latency_ejection_threshold = outlier->latency_threshold();
    }
    const auto& destinations = entry->runtime->destinations;
    const auto hosts = destinations ? destinations->list() : entry->hosts;
    for (const auto& host : hosts) {
      const auto& state = host->state();
      AdminHost row;
      row.endpoint = &host->endpoint();
      row.cx_active = state.total(&HostStats::cx_active);
      row.cx_connect_fail = state.total(&HostStats::cx_connect_fail);
      row.cx_total = state.total(&HostStats::cx_total);
      row.rq_active = state.total(&HostStats::rq_active);
      row.rq_error = state.total(&HostStats::rq_error);
      row.rq_success = state.total(&HostStats::rq_success);
      row.rq_timeout = state.total(&HostStats::rq_timeout);
      row.rq_total = state.total(&HostStats::rq_total);
      if (entry->opening && entry->set) row.aperture = entry->set->reach(*host);
      row.failed_outlier_check = state.ejected();
      row.active_health = state.active_health();
      if (const auto* monitor = state.known_monitor()) {
        row.success_rate = monitor->success_rate;
        row.local_origin_success_rate = monitor->local_success_rate;
        row.latency_ms = monitor->latency_ms;
        if (monitor->last_kind) row.last_ejection = ejection_name(*monitor->last_kind);
      }
      view.hosts.push_back(row);
    }
    visit(view);
  }
}

ClusterManager::Found ClusterManager::find(const std::string& name) const {
  const auto found = clusters_.find(name);
  if (found == clusters_.end()) return {};
  return {found->second->runtime->config, found->second->set};
}

void ClusterManager::refresh_stats() {
  for (const auto& [name, entry] : clusters_) {
    if (const auto& destinations = entry->runtime->destinations) {
      auto& block = entry->runtime->stats->block(0);
      block.set(kMembershipTotal, destinations->size());
      block.set(kMembershipHealthy, destinations->size());
    }
    refresh_breakers(*entry);
  }
}

void ClusterManager::refresh_breakers(const Entry& entry) {
  constexpr Resource kOrder[] = {Resource::kConnections, Resource::kPendingRequests, Resource::kRequests,
                                 Resource::kRetries};
  const auto& breakers = *entry.runtime->breakers;
  auto& block = entry.runtime->stats->block(0);
  for (const bool high : {false, true}) {
    auto* remaining = entry.scopes ? entry.scopes->remaining[high ? 1 : 0].get() : nullptr;
    for (size_t i = 0; i < std::size(kOrder); ++i) {
      block.set((high ? kHighCxOpen : kCxOpen) + i, breakers.open(kOrder[i], high) ? 1 : 0);
      if (remaining == nullptr) continue;
      const auto limit = breakers.limit(kOrder[i], high);
      const auto used = breakers.in_use(kOrder[i], high);
      remaining->block(0).set(kRemainingCx + i, limit > used ? limit - used : 0);
    }
  }
}

}  // namespace remora
