#include "upstream/host.h"

#include <string_view>
#include <unordered_map>
#include <utility>

#include "remora/config/health_check.h"

namespace remora {

HostState::HostState(size_t shards) : healthy_since_(std::chrono::steady_clock::now()), stats_(shards) {}

HostState::~HostState() {
  for (auto& slot : stats_) delete slot.load(std::memory_order_relaxed);
}

HostStats& HostState::stats(size_t shard) {
  HostStats* stats = stats_[shard].load(std::memory_order_relaxed);
  if (stats == nullptr) {
    stats = new HostStats;
    stats_[shard].store(stats, std::memory_order_release);
  }
  return *stats;
}

OutlierMonitor& HostState::monitor() {
  if (!monitor_) monitor_ = std::make_unique<OutlierMonitor>();
  return *monitor_;
}

uint64_t HostState::total(OwnedCount HostStats::*count) const {
  uint64_t sum = 0;
  for (const auto& slot : stats_) {
    if (const HostStats* stats = slot.load(std::memory_order_acquire)) sum += (stats->*count).get();
  }
  return sum;
}

LatencyRanges::Sums HostState::latencies() const {
  LatencyRanges::Sums sums{};
  for (const auto& slot : stats_) {
    const HostStats* stats = slot.load(std::memory_order_acquire);
    const LatencyCounts* counts = stats == nullptr ? nullptr : stats->latency.load(std::memory_order_acquire);
    if (counts != nullptr) counts->add_to(sums);
  }
  return sums;
}

void HostStats::add_latency(MonotonicTime::duration time) {
  auto* counts = latency.load(std::memory_order_relaxed);
  if (counts == nullptr) {
    counts = new LatencyCounts;
    latency.store(counts, std::memory_order_release);
  }
  counts->add(time);
}

void HostState::set(ActiveHealth flag, bool on) {
  const auto flags = active_health();
  active_health_.store(static_cast<uint8_t>(on ? flags | flag : flags & ~flag), std::memory_order_relaxed);
}

void HostState::clear_active_health() {
  active_health_.store(0, std::memory_order_relaxed);
  check_failure_ = {};
}

bool failed_eds_health(const Endpoint& endpoint) {
  return endpoint.health == EndpointHealth::kUnhealthy || endpoint.health == EndpointHealth::kDraining ||
         endpoint.health == EndpointHealth::kTimeout;
}

bool is_checked(const Endpoint& endpoint) {
  return endpoint.health_check == nullptr || !endpoint.health_check->disabled;
}

HostHealth Host::health() const {
  if (failed_eds_health(*endpoint_) || state_->ejected() || state_->has(kFailedActiveHc))
    return HostHealth::kUnhealthy;
  const bool degraded = endpoint_->health == EndpointHealth::kDegraded || state_->has(kDegradedActiveHc);
  return degraded ? HostHealth::kDegraded : HostHealth::kHealthy;
}

std::string Host::health_flags() const {
  return remora::health_flags(*endpoint_, state_->ejected(), state_->active_health());
}

std::string health_flags(const Endpoint& endpoint, bool ejected, uint8_t active_health) {
  const std::pair<bool, const char*> all[] = {
      {(active_health & kFailedActiveHc) != 0, "/failed_active_hc"},
      {ejected, "/failed_outlier_check"},
      {failed_eds_health(endpoint), "/failed_eds_health"},
      {(active_health & kDegradedActiveHc) != 0, "/degraded_active_hc"},
      {endpoint.health == EndpointHealth::kDegraded, "/degraded_eds_health"},
      {(active_health & kPendingDynamicRemoval) != 0, "/pending_dynamic_removal"},
      {(active_health & kPendingActiveHc) != 0, "/pending_active_hc"},
      {(active_health & kExcludedViaImmediateFail) != 0, "/excluded_via_immediate_hc_fail"},
      {(active_health & kActiveHcTimeout) != 0, "/active_hc_timeout"},
  };
  std::string flags;
  for (const auto& [set, name] : all) {
    if (set) flags += name;
  }
  return flags.empty() ? "healthy" : flags;
}

namespace {

bool same_metadata(const std::shared_ptr<const Metadata>& a, const std::shared_ptr<const Metadata>& b) {
  return a == b || (a != nullptr && b != nullptr && a->filters == b->filters);
}

bool same_check(const std::shared_ptr<const EndpointHealthCheck>& a,
                const std::shared_ptr<const EndpointHealthCheck>& b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

bool same(const Endpoint& a, const Endpoint& b) {
  return a.address == b.address && a.hostname == b.hostname && a.weight == b.weight &&
         a.priority == b.priority && a.health == b.health && a.canary == b.canary &&
         *a.locality == *b.locality && same_metadata(a.metadata, b.metadata) &&
         same_check(a.health_check, b.health_check);
}

std::shared_ptr<HostState> new_state(const Endpoint& endpoint, size_t shards, const HealthChecks* checks) {
  auto state = std::make_shared<HostState>(shards);
  if (checks == nullptr || !is_checked(endpoint)) return state;
  state->set(kFailedActiveHc, true);
  state->set(kPendingActiveHc, checks->ignore_new_hosts_until_first_check);
  return state;
}

}  // namespace

HostUpdate update_hosts(const HostList& old, const EndpointList& endpoints, size_t shards,
                        const HealthChecks* checks) {
  std::unordered_map<std::string_view, const std::shared_ptr<const Host>*> known;
  known.reserve(old.size());
  for (const auto& host : old) known.emplace(host->endpoint().address_text, &host);

  HostUpdate update;
  update.hosts.reserve(endpoints.size());
  update.changed = old.size() != endpoints.size();
  for (const auto& endpoint : endpoints) {
    const auto found = known.find(endpoint->address_text);
    if (found == known.end()) {
      update.hosts.push_back(std::make_shared<const Host>(endpoint, new_state(*endpoint, shards, checks)));
      ++update.added;
    } else if (same((*found->second)->endpoint(), *endpoint)) {
      update.hosts.push_back(*found->second);
    } else {
      update.hosts.push_back(std::make_shared<const Host>(endpoint, (*found->second)->shared_state()));
    }
    const size_t place = update.hosts.size() - 1;
    update.changed = update.changed || update.hosts[place] != old[place];
  }
  update.removed = old.size() - (endpoints.size() - update.added);
  return update;
}

}  // namespace remora
