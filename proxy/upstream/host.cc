#include "upstream/host.h"

#include <string_view>
#include <unordered_map>

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

bool Host::failed_eds_health() const {
  return endpoint_->health == EndpointHealth::kUnhealthy || endpoint_->health == EndpointHealth::kDraining ||
         endpoint_->health == EndpointHealth::kTimeout;
}

HostHealth Host::health() const {
  if (failed_eds_health() || state_->ejected()) return HostHealth::kUnhealthy;
  return endpoint_->health == EndpointHealth::kDegraded ? HostHealth::kDegraded : HostHealth::kHealthy;
}

std::string Host::health_flags() const {
  std::string flags;
  if (state_->ejected()) flags += "/failed_outlier_check";
  if (failed_eds_health()) flags += "/failed_eds_health";
  if (endpoint_->health == EndpointHealth::kDegraded) flags += "/degraded_eds_health";
  return flags.empty() ? "healthy" : flags;
}

namespace {

bool same_metadata(const std::shared_ptr<const Metadata>& a, const std::shared_ptr<const Metadata>& b) {
  return a == b || (a != nullptr && b != nullptr && a->filters == b->filters);
}

bool same(const Endpoint& a, const Endpoint& b) {
  return a.address == b.address && a.hostname == b.hostname && a.weight == b.weight &&
         a.priority == b.priority && a.health == b.health && a.canary == b.canary &&
         *a.locality == *b.locality && same_metadata(a.metadata, b.metadata);
}

}  // namespace

HostUpdate update_hosts(const HostList& old, const EndpointList& endpoints, size_t shards) {
  std::unordered_map<std::string_view, const std::shared_ptr<const Host>*> known;
  known.reserve(old.size());
  for (const auto& host : old) known.emplace(host->endpoint().address_text, &host);

  HostUpdate update;
  update.hosts.reserve(endpoints.size());
  update.changed = old.size() != endpoints.size();
  for (const auto& endpoint : endpoints) {
    const auto found = known.find(endpoint->address_text);
    if (found == known.end()) {
      update.hosts.push_back(std::make_shared<const Host>(endpoint, std::make_shared<HostState>(shards)));
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
