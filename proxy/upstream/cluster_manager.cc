#include "upstream/cluster_manager.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

#include "log.h"
#include "remora/config/balancer.h"
#include "stats/cluster_stats.h"
#include "stats/zone_stats.h"
#include "upstream/cluster_entry.h"
#include "upstream/destination_hosts.h"
#include "upstream/hash_table.h"
#include "upstream/logical_host.h"
#include "upstream/subset.h"
#include "upstream/zone_routing.h"
#include "worker.h"

namespace remora {
namespace {

enum ManagerStat : size_t {
  kClusterAdded,
  kClusterModified,
  kClusterRemoved,
  kClusterUpdated,
  kActiveClusters
};
constexpr StatDef kManagerStatDefs[] = {
    {"cluster_added"},
    {"cluster_modified"},
    {"cluster_removed"},
    {"cluster_updated"},
    {"active_clusters", StatKind::kGauge},
};

/// Each priority has a table; what is said is of the last one, as in Envoy.
void report_spread(const HostSet& set, StatBlock& block) {
  for (const auto& level : set.levels().levels) {
    if (level.table == nullptr) continue;
    const auto& spread = level.table->spread();
    block.set(kTableFewest, spread.fewest);
    block.set(kTableMost, spread.most);
    block.set(kTableSize, spread.size);
  }
}

/// Whether hosts that are the same in both get the same of the traffic.
bool have_same_shares(const EndpointSet& a, const EndpointSet& b) {
  const auto same = [](const LocalityWeight& x, const LocalityWeight& y) {
    return x.priority == y.priority && x.weight == y.weight && *x.locality == *y.locality;
  };
  return a.overprovisioning_percent == b.overprovisioning_percent && std::ranges::equal(a.drops, b.drops) &&
         std::ranges::equal(a.locality_weights, b.locality_weights, same);
}

LoadRules rules_of(const ClusterConfig& config, const EndpointSet& endpoints) {
  LoadRules rules{
      .panic_threshold = config.panic_threshold_percent,
      .overprovisioning = endpoints.overprovisioning_percent,
      .hashing = config.consistent_hash.get(),
      .drop_per_million = endpoints.drops.empty() ? 0 : endpoints.drops.list().front().per_million};
  if (!config.balancer) return rules;
  if (config.balancer->locality_weighted) rules.localities = &endpoints.locality_weights.list();
  rules.subset_localities = config.balancer->subsets_locality_weighted;
  if (config.balancer->slow_start) rules.slow_start_window = config.balancer->slow_start->window;
  return rules;
}

}  // namespace

ClusterManager::ClusterManager(boost::asio::io_context& io, StatsStore& stats, Publish publish,
                               MakeClientTls make_tls)
    : io_(io),
      stats_(stats),
      publish_(std::move(publish)),
      make_tls_(std::move(make_tls)),
      report_outlier_(std::make_shared<const ReportOutlier>(
          [this](const std::string& cluster, const std::shared_ptr<HostState>& host, Ejection kind) {
            boost::asio::post(io_, [this, cluster, host, kind] {
              const auto found = clusters_.find(cluster);
              if (found == clusters_.end() || !found->second->sweeps) return;
              found->second->outlier()->on_consecutive(host, kind, std::chrono::steady_clock::now());
            });
          })),
      report_unhealthy_(std::make_shared<const ReportUnhealthy>(
          [this](const std::string& cluster, const std::shared_ptr<HostState>& host) {
            boost::asio::post(io_, [this, cluster, host] {
              const auto found = clusters_.find(cluster);
              if (found == clusters_.end() || !found->second->checks) return;
              found->second->checks->checker->fail_at_once(*host);
            });
          })),
      manager_scope_(
          stats.make_scope(kManagerStatDefs, {"cluster_manager.", "envoy_cluster_manager_", {}, {}})) {}

ClusterManager::~ClusterManager() = default;

void ClusterManager::count_change(size_t kind) {
  auto& block = manager_scope_->block(0);
  block.add(kind);
  block.set(kActiveClusters, clusters_.size());
}

void ClusterManager::apply(const ConfigBatch& batch, WorkerBatch& out) {
  for (const auto& update : batch.clusters) apply_cluster(update, out);
  for (const auto& [name, endpoints] : batch.endpoints) {
    const auto found = clusters_.find(name);
    if (found == clusters_.end()) continue;
    auto& entry = *found->second;
    if (take_endpoints(entry, watch_age(entry, endpoints, true))) out.hosts.emplace_back(name, entry.set);
  }
  for (const auto& name : batch.removed_clusters) {
    const auto found = clusters_.find(name);
    if (found == clusters_.end()) continue;
    set_warming(*found->second, false);
    end_aperture(*found->second);
    clusters_.erase(found);
    count_change(kClusterRemoved);
    out.removed_clusters.push_back(name);
  }
  const auto tell = [&out](const Entry& entry) {
    out.hosts.emplace_back(entry.runtime->config->name, entry.set);
  };
  follow_local_hosts(tell);
  for (const auto& update : batch.clusters) follow_peers(update.config->name, tell);
  for (const auto& update : batch.endpoints) follow_peers(update.first, tell);
  for (const auto& name : batch.removed_clusters) follow_peers(name, tell);
}

void ClusterManager::apply_cluster(const ClusterUpdate& update, WorkerBatch& out) {
  const auto& config = *update.config;
  auto tls = ClusterTls::make(config, make_tls_);
  if (!tls) {
    log_error("upstream", "{}; the version before it, if there is one, stays", tls.error().message);
    return;
  }
  auto& slot = clusters_[config.name];
  const bool added = slot == nullptr;
  if (added) slot = std::make_unique<Entry>();
  auto& entry = *slot;
  const auto stat_name = cluster_stat_name(config);

  auto runtime = std::make_shared<ClusterRuntime>();
  runtime->config = update.config;
  runtime->store = &stats_;
  runtime->tls = std::move(*tls);
  if (config.original_dst || config.dynamic_forward)
    runtime->destinations = std::make_shared<DestinationHosts>(config.name, stats_.shards());
  const bool same_name = !added && cluster_stat_name(*entry.runtime->config) == stat_name;
  if (!same_name) {
    runtime->stats = stats_.make_scope(cluster_stat_schema(), cluster_scope_name(stat_name));
  } else {
    runtime->stats = entry.runtime->stats;
  }
  if (!local_cluster_.empty() && config.name != local_cluster_ && !config.consistent_hash)
    runtime->zone_stats = stats_.make_scope(zone_stat_schema(), zone_scope_name(stat_name));
  entry.scopes = make_scopes(config, stat_name);
  if (added) {
    runtime->breakers =
        std::make_shared<CircuitBreakers>(config.default_priority, config.high_priority, stats_.shards());
  } else {
    runtime->breakers = entry.runtime->breakers;
    runtime->breakers->update(config.default_priority, config.high_priority);
  }
  runtime->report_outlier = report_outlier_;
  runtime->overload = overload_;
  if (config.health_checks) runtime->report_unhealthy = report_unhealthy_;
  if (!added) end_aperture(entry);
  entry.runtime = std::move(runtime);
  entry.endpoints = watch_age(entry, update.endpoints, false);
  entry.set = nullptr;  // loads, subsets and thresholds may differ: always built anew
  start_aperture(entry, stat_name);
  start_outlier(entry);
  start_checks(entry, same_name);
  set_hosts(entry, *entry.endpoints);
  set_warming(entry, entry.checks != nullptr && !entry.checks->checker->first_round_done());
  if (!entry.warming()) out.clusters.push_back({entry.runtime, entry.set});
  count_change(added ? kClusterAdded : kClusterModified);
}

std::unique_ptr<ClusterManager::MoreScopes> ClusterManager::make_scopes(const ClusterConfig& config,
                                                                        const std::string& stat_name) {
  MoreScopes made;
  if (config.default_priority.track_remaining)
    made.remaining[0] =
        stats_.make_scope(remaining_stat_schema(), remaining_scope_name(stat_name, "default"));
  if (config.high_priority->track_remaining)
    made.remaining[1] = stats_.make_scope(remaining_stat_schema(), remaining_scope_name(stat_name, "high"));
  if (config.consistent_hash)
    made.table = stats_.make_scope(table_stat_schema(config.consistent_hash->maglev),
                                   table_scope_name(stat_name, config.consistent_hash->maglev));
  const bool any = made.remaining[0] || made.remaining[1] || made.table;
  return any ? std::make_unique<MoreScopes>(std::move(made)) : nullptr;
}

/// True: workers are to hear of it.
bool ClusterManager::take_endpoints(Entry& entry, std::shared_ptr<const EndpointSet> endpoints) {
  const auto before = entry.set;
  if (endpoints != entry.endpoints) {  // else asked for again, and the same
    set_hosts(entry, *endpoints);
    entry.endpoints = std::move(endpoints);
  }
  if (entry.set == before) entry.runtime->stats->block(0).add(kUpdateNoRebuild);
  return entry.set != before && !entry.warming();
}

void ClusterManager::set_hosts(Entry& entry, const EndpointSet& endpoints) {
  const bool one_host = entry.runtime->config->discovery == ClusterConfig::Discovery::kLogicalDns;
  auto update =
      one_host ? update_logical_host(entry.hosts, endpoints.endpoints, stats_.shards(), entry.check_config())
               : update_hosts(entry.hosts, with_kept_hosts(entry, endpoints), stats_.shards(),
                              entry.check_config());
  const bool same_rules = entry.set != nullptr && have_same_shares(*entry.endpoints, endpoints);
  if (update.added + update.removed > 0) entry.runtime->stats->block(0).add(kMembershipChange);
  if (!update.changed && same_rules) return;
  entry.hosts = std::move(update.hosts);
  if (auto* outlier = entry.outlier()) outlier->set_hosts(entry.hosts);
  if (entry.checks) entry.checks->checker->set_hosts(entry.hosts);
  rebuild(entry, endpoints);
  if (entry.warming() && entry.checks->checker->first_round_done()) finish_warming(entry);
}

void ClusterManager::rebuild(Entry& entry, const EndpointSet& endpoints) {
  const auto& config = *entry.runtime->config;
  LoadRules rules = rules_of(config, endpoints);
  ZoneRules zones;
  if (entry.runtime->zone_stats) {
    zones = {.settings = config.balancer ? config.balancer->zones : ZoneAware(),
             .own = own_,
             .local = local_hosts_.get(),
             .stats = &entry.runtime->zone_stats->block(0)};
    rules.zones = &zones;
  }
  if (entry.opening) rules.aperture = &entry.opening->rules;
  entry.set = std::make_shared<const HostSet>(entry.hosts, rules, config.subset.get());
  auto& block = entry.runtime->stats->block(0);
  block.set(kMembershipTotal, entry.hosts.size());
  block.set(kMembershipHealthy, entry.set->healthy());
  block.set(kMembershipDegraded, entry.set->degraded());
  block.set(kMembershipExcluded, entry.set->excluded());
  block.set(kMaxHostWeight, entry.set->max_weight());
  if (entry.opening) report_aperture(entry);
  if (entry.scopes && entry.scopes->table) report_spread(*entry.set, entry.scopes->table->block(0));
  if (entry.set->subsets() == nullptr) return;
  auto names = entry.set->subsets()->names();
  std::vector<std::string> difference;
  std::set_difference(names.begin(), names.end(), entry.subsets.begin(), entry.subsets.end(),
                      std::back_inserter(difference));
  block.add(kLbSubsetsCreated, difference.size());
  difference.clear();
  std::set_difference(entry.subsets.begin(), entry.subsets.end(), names.begin(), names.end(),
                      std::back_inserter(difference));
  block.add(kLbSubsetsRemoved, difference.size());
  block.set(kLbSubsetsActive, entry.set->subsets()->size());
  entry.subsets = std::move(names);
}

void ClusterManager::publish_hosts(Entry& entry) {
  if (!entry.warming()) publish_(entry.runtime->config->name, entry.set);
  publish_followers(entry.runtime->config->name);
}

void ClusterManager::route_in_zones(std::string local_cluster, const Locality& own) {
  local_cluster_ = std::move(local_cluster);
  own_ = &own;
}

std::shared_ptr<const HostSet> ClusterManager::local_hosts() const {
  const auto found = clusters_.find(local_cluster_);
  return found == clusters_.end() ? nullptr : found->second->set;
}

void ClusterManager::publish_followers(const std::string& changed) {
  const auto tell = [this](const Entry& other) { publish_(other.runtime->config->name, other.set); };
  follow_local_hosts(tell);
  follow_peers(changed, tell);
}

/// What zones make of a cluster depends on the local one: where that has other hosts, all others are made
/// anew. Those with hosts in one locality are the same as before, and nobody needs to be told.
void ClusterManager::follow_local_hosts(const std::function<void(const Entry&)>& tell) {
  if (local_cluster_.empty()) return;
  auto now = local_hosts();
  if (now == local_hosts_) return;
  local_hosts_ = std::move(now);
  for (auto& [name, entry] : clusters_) {
    if (!entry->runtime->zone_stats || entry->set == nullptr) continue;
    const bool had_zones = entry->set->levels().levels.front().zones != nullptr;
    rebuild(*entry, *entry->endpoints);
    const bool has_zones = entry->set->levels().levels.front().zones != nullptr;
    if ((had_zones || has_zones) && !entry->warming()) tell(*entry);
  }
}

}  // namespace remora
