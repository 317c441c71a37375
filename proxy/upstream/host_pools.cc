#include "upstream/host_pools.h"

#include "upstream/pool.h"

namespace remora {

HostPools::HostPools() = default;
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
  const auto pools = pools_;  // some may leave
  for (const auto& pool : pools) pool->set_host(host);
}

size_t HostPools::close_resting() {
  const auto pools = pools_;  // those that lose their last connection may go
  size_t closed = 0;
  for (const auto& pool : pools) closed += pool->close_resting();
  return closed;
}

void HostPools::retire() {
  const auto pools = std::move(pools_);
  pools_.clear();
  for (const auto& pool : pools) pool->retire();
}

}  // namespace remora
