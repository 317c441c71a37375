#include "upstream/cluster_manager.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "admin/admin_view.h"
#include "health_check/event_log.h"
#include "health_check/health_checker.h"
#include "log.h"
#include "main_reactor.h"
#include "remora/config/balancer.h"
#include "stats/cluster_stats.h"
#include "stats/health_check_stats.h"
#include "upstream/destination_hosts.h"
#include "upstream/hash_table.h"
#include "upstream/logical_host.h"
#include "upstream/outlier.h"
#include "upstream/subset.h"
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

ScopeName outlier_scope_name(const std::string& name) {
  return {"cluster." + name + ".outlier_detection.",
          "envoy_cluster_outlier_detection_",
          {{"envoy_cluster_name", name}},
          {}};
}

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
  return a.overprovisioning_percent == b.overprovisioning_percent &&
         std::ranges::equal(a.locality_weights, b.locality_weights, same);
}

LoadRules rules_of(const ClusterConfig& config, const EndpointSet& endpoints) {
  LoadRules rules{.panic_threshold = config.panic_threshold_percent,
                  .overprovisioning = endpoints.overprovisioning_percent,
                  .hashing = config.consistent_hash.get()};
  if (!config.balancer) return rules;
  if (config.balancer->locality_weighted) rules.localities = &endpoints.locality_weights.list();
  rules.subset_localities = config.balancer->subsets_locality_weighted;
  if (config.balancer->slow_start) rules.slow_start_window = config.balancer->slow_start->window;
  return rules;
}

}  // namespace

/// Outlier detection of one cluster.
struct ClusterManager::Sweeps {
  explicit Sweeps(boost::asio::io_context& io) : timer(io) {}
  std::shared_ptr<StatScope> scope;
  std::unique_ptr<OutlierDetector> detector;
  boost::asio::steady_timer timer;
};

/// The active health checks of one cluster.
struct ClusterManager::Checks {
  std::shared_ptr<StatScope> scope;
  std::unique_ptr<HealthChecker> checker;
  bool warming = false;      // workers do not know this version yet
  bool rebuild_due = false;  // hosts have changed since the last set was made
};

/// What only some clusters count.
struct ClusterManager::MoreScopes {
  std::shared_ptr<StatScope> remaining[2];  // of breakers: default, high; null without track_remaining
  std::shared_ptr<StatScope> table;         // null: hosts are not chosen by hash
};

struct ClusterManager::Entry {
  std::shared_ptr<ClusterRuntime> runtime;
  std::shared_ptr<const EndpointSet> endpoints;
  HostList hosts;
  std::shared_ptr<const HostSet> set;
  std::unique_ptr<Sweeps> sweeps;      // null: no outlier detection
  std::unique_ptr<MoreScopes> scopes;  // null: none of them
  std::unique_ptr<Checks> checks;      // null: no health checks
  std::vector<std::string> subsets;

  [[nodiscard]] OutlierDetector* outlier() const { return sweeps ? sweeps->detector.get() : nullptr; }
  [[nodiscard]] bool warming() const { return checks != nullptr && checks->warming; }
  [[nodiscard]] const HealthChecks* check_config() const { return runtime->config->health_checks.get(); }
};

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
    if (endpoints == entry.endpoints) {  // asked for again, and the same
      entry.runtime->stats->block(0).add(kUpdateNoRebuild);
      continue;
    }
    const auto before = entry.set;
    set_hosts(entry, *endpoints);
    entry.endpoints = endpoints;
    if (entry.set == before) {
      entry.runtime->stats->block(0).add(kUpdateNoRebuild);
    } else if (!entry.warming()) {
      out.hosts.emplace_back(name, entry.set);
    }
  }
  for (const auto& name : batch.removed_clusters) {
    const auto found = clusters_.find(name);
    if (found == clusters_.end()) continue;
    set_warming(*found->second, false);
    clusters_.erase(found);
    count_change(kClusterRemoved);
    out.removed_clusters.push_back(name);
  }
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
  if (config.original_dst)
    runtime->destinations = std::make_shared<DestinationHosts>(config.name, stats_.shards());
  const bool same_name = !added && cluster_stat_name(*entry.runtime->config) == stat_name;
  if (!same_name) {
    runtime->stats = stats_.make_scope(cluster_stat_schema(), cluster_scope_name(stat_name));
  } else {
    runtime->stats = entry.runtime->stats;
  }
  entry.scopes = make_scopes(config, stat_name);
  if (added) {
    runtime->breakers =
        std::make_shared<CircuitBreakers>(config.default_priority, config.high_priority, stats_.shards());
  } else {
    runtime->breakers = entry.runtime->breakers;
    runtime->breakers->update(config.default_priority, config.high_priority);
  }
  runtime->report_outlier = report_outlier_;
  if (config.health_checks) runtime->report_unhealthy = report_unhealthy_;
  entry.runtime = std::move(runtime);
  entry.endpoints = update.endpoints;
  entry.set = nullptr;  // loads, subsets and thresholds may differ: always built anew
  start_outlier(entry);
  start_checks(entry, same_name);
  set_hosts(entry, *update.endpoints);
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
  entry.set = std::make_shared<const HostSet>(entry.hosts, rules_of(config, endpoints), config.subset.get());
  auto& block = entry.runtime->stats->block(0);
  block.set(kMembershipTotal, entry.hosts.size());
  block.set(kMembershipHealthy, entry.set->healthy());
  block.set(kMembershipDegraded, entry.set->degraded());
  block.set(kMembershipExcluded, entry.set->excluded());
  block.set(kMaxHostWeight, entry.set->max_weight());
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
}

// ---------------------------------------------------------------------------------------------- health
// checks

void ClusterManager::start_checks(Entry& entry, bool same_name) {
  const auto& config = *entry.runtime->config;
  if (!config.health_checks) {
    if (!entry.checks) return;
    set_warming(entry, false);
    entry.checks.reset();
    for (const auto& host : entry.hosts) host->state().clear_active_health();
    return;
  }
  if (!reactor_) reactor_ = std::make_unique<MainReactor>(io_);
  if (!entry.checks) entry.checks = std::make_unique<Checks>();
  auto& checks = *entry.checks;
  checks.checker.reset();
  if (!same_name || !checks.scope)
    checks.scope =
        stats_.make_scope(health_check_stat_schema(), health_check_scope_name(cluster_stat_name(config)));
  checks.checker = std::make_unique<HealthChecker>(
      *reactor_, entry.runtime, checks.scope->block(0), random_,
      event_writer_ != nullptr ? HealthEventLog::make(config, *event_writer_) : nullptr,
      HealthChecker::Callbacks{.on_change = [this, &entry] { rebuild_later(entry); },
                               .on_first_round =
                                   [this, &entry] {
                                     if (entry.warming()) finish_warming(entry);
                                   },
                               .on_success =
                                   [&entry](HostState& host) {
                                     if (host.ejected() && entry.outlier() &&
                                         entry.check_config()->uneject_on_success)
                                       entry.outlier()->return_early(host, std::chrono::steady_clock::now());
                                   }});
}

/// Many hosts may change at once, at start all of them: one new set is enough.
void ClusterManager::rebuild_later(Entry& entry) {
  if (entry.warming() || std::exchange(entry.checks->rebuild_due, true)) return;
  boost::asio::post(io_, [this, name = entry.runtime->config->name] {
    const auto found = clusters_.find(name);
    if (found == clusters_.end() || !found->second->checks) return;
    if (std::exchange(found->second->checks->rebuild_due, false)) rebuild_after_checks(*found->second);
  });
}

void ClusterManager::rebuild_after_checks(Entry& entry) {
  const auto before = entry.set;
  set_hosts(entry, *entry.endpoints);  // without hosts that only stayed because they were well
  if (entry.set == before) rebuild(entry, *entry.endpoints);
  log_info("health_check", "cluster '{}': {} of {} hosts healthy", entry.runtime->config->name,
           entry.set->healthy(), entry.hosts.size());
  publish_hosts(entry);
}

/// `endpoints`, and what they no longer name but checks find well.
EndpointList ClusterManager::with_kept_hosts(const Entry& entry, const EndpointSet& endpoints) const {
  auto list = endpoints.endpoints;
  const auto discovery = entry.runtime->config->discovery;
  const bool keeps =
      entry.checks != nullptr && entry.set != nullptr &&
      (discovery == ClusterConfig::Discovery::kEds || discovery == ClusterConfig::Discovery::kStrictDns) &&
      !entry.check_config()->ignore_health_on_host_removal;
  if (!keeps) return list;
  std::unordered_set<std::string_view> named;
  for (const auto& endpoint : endpoints.endpoints) named.insert(endpoint->address_text);
  for (const auto& host : entry.hosts) {
    auto& state = host->state();
    const bool gone = !named.contains(host->endpoint().address_text);
    const bool stays = gone && is_checked(host->endpoint()) && !failed_eds_health(host->endpoint()) &&
                       !state.has(kFailedActiveHc);
    state.set(kPendingDynamicRemoval, stays);
    if (stays) list.push_back(host->shared_endpoint());
  }
  return list;
}

void ClusterManager::set_warming(Entry& entry, bool warming) {
  if (entry.warming() == warming) return;
  entry.checks->warming = warming;
  warming_ += warming ? 1 : size_t{0} - 1;
}

void ClusterManager::finish_warming(Entry& entry) {
  set_warming(entry, false);
  entry.checks->rebuild_due = false;
  rebuild(entry, *entry.endpoints);
  log_info("health_check", "cluster '{}': first round done, {} of {} hosts healthy",
           entry.runtime->config->name, entry.set->healthy(), entry.hosts.size());
  if (publish_cluster_) publish_cluster_(entry.runtime, entry.set);
}

// ---------------------------------------------------------------------------------------------- outlier
// detection

void ClusterManager::start_outlier(Entry& entry) {
  const auto& config = *entry.runtime->config;
  if (!config.outlier) {
    if (auto* outlier = entry.outlier()) outlier->return_all(std::chrono::steady_clock::now());
    entry.sweeps.reset();
    return;
  }
  if (!entry.sweeps) {
    entry.sweeps = std::make_unique<Sweeps>(io_);
    entry.sweeps->scope =
        stats_.make_scope(outlier_stat_schema(), outlier_scope_name(cluster_stat_name(config)));
  }
  // Hosts keep what is known of them (HostState); a new detector takes it over.
  entry.sweeps->detector = std::make_unique<OutlierDetector>(
      *config.outlier, entry.sweeps->scope->block(0), random_, [this, &entry] {
        rebuild(entry, *entry.endpoints);
        const auto& name = entry.runtime->config->name;
        log_info("outlier", "cluster '{}': {} of {} hosts healthy after an ejection or return", name,
                 entry.set->healthy(), entry.hosts.size());
        publish_hosts(entry);
      });
  entry.outlier()->set_hosts(entry.hosts);
  schedule_sweep(entry);
}

void ClusterManager::schedule_sweep(Entry& entry) {
  entry.sweeps->timer.expires_after(entry.outlier()->interval());
  entry.sweeps->timer.async_wait(
      [this, name = entry.runtime->config->name](const boost::system::error_code& error) {
        if (error) return;
        const auto found = clusters_.find(name);
        if (found == clusters_.end() || !found->second->sweeps) return;
        found->second->outlier()->sweep(std::chrono::steady_clock::now());
        schedule_sweep(*found->second);
      });
}

// ---------------------------------------------------------------------------------------------- for the
// admin interface

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
      row.failed_outlier_check = state.ejected();
      row.active_health = state.active_health();
      if (const auto* monitor = state.known_monitor()) {
        row.success_rate = monitor->success_rate;
        row.local_origin_success_rate = monitor->local_success_rate;
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
