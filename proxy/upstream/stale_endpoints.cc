// Endpoints that nobody has renewed for as long as their owner said (endpoint_stale_after). Source: Envoy,
// EDS.

#include <chrono>
#include <utility>

#include "log.h"
#include "stats/cluster_stats.h"
#include "upstream/cluster_entry.h"

namespace remora {

/// What the cluster uses of `endpoints`. `renewed`: they have just come, perhaps as they were before; else
/// only the cluster is another one.
std::shared_ptr<const EndpointSet> ClusterManager::watch_age(Entry& entry,
                                                             std::shared_ptr<const EndpointSet> endpoints,
                                                             bool renewed) {
  const bool ages = endpoints->stale_after.count() > 0 &&
                    entry.runtime->config->discovery == ClusterConfig::Discovery::kEds;
  if (!ages && entry.age == nullptr) return endpoints;
  if (entry.age == nullptr) entry.age = std::make_unique<Age>(io_);
  Age& age = *entry.age;
  if (ages && !renewed && endpoints == age.watched) return age.instead ? age.instead : endpoints;
  age.timer.cancel();
  age.instead = nullptr;
  age.watched = ages ? endpoints : nullptr;
  if (!ages) return endpoints;
  entry.runtime->stats->block(0).add(kAssignmentTimeoutReceived);
  age.timer.expires_after(endpoints->stale_after);
  age.timer.async_wait([this, name = entry.runtime->config->name,
                        watched = endpoints](const boost::system::error_code& error) {
    const auto found = clusters_.find(name);
    if (error || found == clusters_.end()) return;
    const auto* known = found->second->age.get();
    // It may have expired just as it was renewed.
    if (known != nullptr && known->watched == watched &&
        known->timer.expiry() <= std::chrono::steady_clock::now())
      on_stale(*found->second);
  });
  return endpoints;
}

/// They are as good as gone. Whom active health checks find well stays, as whenever discovery drops a host.
void ClusterManager::on_stale(Entry& entry) {
  auto none = std::make_shared<EndpointSet>();
  none->cluster_name = entry.endpoints->cluster_name;
  none->drops = entry.endpoints->drops;
  entry.age->instead = none;
  entry.runtime->stats->block(0).add(kAssignmentStale);
  log_warn("upstream", "cluster '{}': its endpoints were not renewed in time, and are dropped",
           entry.runtime->config->name);
  if (take_endpoints(entry, std::move(none))) publish_hosts(entry);
}

}  // namespace remora
