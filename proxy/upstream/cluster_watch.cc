// What a ClusterManager learns of hosts by itself: by asking them (active health checks), and by what becomes
// of requests (outlier detection).

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <unordered_set>
#include <utility>

#include "health_check/event_log.h"
#include "log.h"
#include "main_reactor.h"
#include "stats/cluster_stats.h"
#include "stats/health_check_stats.h"
#include "upstream/cluster_entry.h"

namespace remora {
namespace {

ScopeName outlier_scope_name(const std::string& name) {
  return {"cluster." + name + ".outlier_detection.",
          "envoy_cluster_outlier_detection_",
          {{"envoy_cluster_name", name}},
          {}};
}

}  // namespace

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
  log_info("hc", "cluster '{}': {} of {} hosts healthy", entry.runtime->config->name, entry.set->healthy(),
           entry.hosts.size());
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
  log_info("hc", "cluster '{}': first round done, {} of {} hosts healthy", entry.runtime->config->name,
           entry.set->healthy(), entry.hosts.size());
  if (publish_cluster_) publish_cluster_(entry.runtime, entry.set);
  publish_followers(entry.runtime->config->name);
}

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
      *config.outlier, entry.sweeps->scope->block(0), random_,
      [this, &entry] {
        rebuild(entry, *entry.endpoints);
        const auto& name = entry.runtime->config->name;
        log_info("outlier", "cluster '{}': {} of {} hosts healthy after an ejection or return", name,
                 entry.set->healthy(), entry.hosts.size());
        publish_hosts(entry);
      },
      report_ejections_of(entry));
  entry.outlier()->set_hosts(entry.hosts);
  schedule_sweep(entry);
}

OutlierDetector::Report ClusterManager::report_ejections_of(const Entry& entry) {
  if (!ejections_) return {};
  return
      [this, &entry](const EjectionEvent& event) { ejections_->write(entry.runtime->config->name, event); };
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

}  // namespace remora
