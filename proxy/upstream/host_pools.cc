#include "upstream/host_pools.h"

#include <utility>

#include "upstream/pool.h"

namespace remora {
namespace {

/// What Envoy takes for a failure here: discovery that calls a host unhealthy closes nothing.
bool has_failed(const HostState& state) { return state.ejected() || state.has(kFailedActiveHc); }

}  // namespace

void HealthEnding::end() {
  for (const auto& pool : tunnels) pool->close_all();
  while (!bound.empty()) {
    auto& one = bound.front();
    bound.pop_front();
    one.on_host_failed();
  }
}

HostPools::HostPools(const HostState& state) : failed_(has_failed(state)) {}
HostPools::HostPools(HostPools&&) noexcept = default;
HostPools& HostPools::operator=(HostPools&&) noexcept = default;
HostPools::~HostPools() = default;

LocalRef<HostPool> HostPools::find(const PoolKey& key) {
  const auto found =
      std::find_if(pools_.begin(), pools_.end(), [&](const auto& pool) { return pool->serves(key); });
  if (found == pools_.end()) return {};
  std::rotate(pools_.begin(), found, found + 1);
  return pools_.front();
}

void HostPools::add(LocalRef<HostPool> pool) {
  if (pools_.size() == kMost) {
    const auto last = std::move(pools_.back());
    pools_.pop_back();
    last->retire();
  }
  pools_.insert(pools_.begin(), std::move(pool));
}

void HostPools::forget(const HostPool& pool) {
  std::erase_if(pools_, [&](const auto& known) { return known.get() == &pool; });
}

void HostPools::set_host(const std::shared_ptr<const Host>& host) {
  for (const auto& pool : all()) pool->set_host(host);
}

void HostPools::drain() {
  for (const auto& pool : all()) pool->drain();
}

void HostPools::follow_health(const HostState& state, bool close_tunnels, HealthEnding& ending) {
  const bool failed = has_failed(state);
  if (std::exchange(failed_, failed) || !failed) return;
  for (const auto& pool : all()) {
    if (close_tunnels && pool->tcp()) {
      ending.tunnels.push_back(pool);
    } else {
      pool->drain();
    }
  }
  ending.bound.splice(ending.bound.end(), bound_);
}

size_t HostPools::close_resting() {
  const auto pools = pools_;  // those that lose their last connection may go
  size_t closed = 0;
  for (const auto& pool : pools) closed += pool->close_resting();
  return closed;
}

void HostPools::retire() {
  const auto pools = all();
  pools_.clear();
  own_.clear();
  for (const auto& pool : pools) pool->retire();
}

/// Held, since some may leave when something is done to them.
std::vector<LocalRef<HostPool>> HostPools::all() {
  auto pools = pools_;
  for (auto& own : own_) pools.push_back(LocalRef<HostPool>(static_cast<HostPool*>(&own)));
  return pools;
}

}  // namespace remora
