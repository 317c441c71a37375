#include "upstream/downstream_pools.h"

#include <algorithm>
#include <utility>

#include "upstream/pool.h"

namespace remora {

DownstreamPools::DownstreamPools() = default;
DownstreamPools::~DownstreamPools() { end(); }

LocalRef<HostPool> DownstreamPools::find(const HostState& host, const PoolKey& key) {
  const auto found = std::ranges::find_if(pools_, [&](const LocalRef<HostPool>& pool) {
    return &pool->host()->host().state() == &host && pool->serves(key) && !pool->retired();
  });
  if (found == pools_.end()) return {};
  std::rotate(pools_.begin(), found, found + 1);
  return pools_.front();
}

void DownstreamPools::add(LocalRef<HostPool> pool) {
  std::erase_if(pools_, [](const auto& known) { return known->retired(); });
  if (pools_.size() == kMost) {
    const auto last = std::move(pools_.back());
    pools_.pop_back();
    last->retire();
  }
  pools_.insert(pools_.begin(), std::move(pool));
}

void DownstreamPools::end() {
  const auto pools = std::exchange(pools_, {});
  for (const auto& pool : pools) pool->retire();
}

}  // namespace remora
