#include "client/dns/dns_caches.h"

#include <algorithm>
#include <iterator>

namespace remora::xds {

DnsCacheKeeper& DnsCaches::keeper_of(const std::shared_ptr<DnsCache>& cache, NameResolver& resolver) {
  std::erase_if(keepers_, [](const auto& entry) { return entry.second->is_over(); });
  auto& keeper = keepers_[cache.get()];
  if (keeper == nullptr)
    keeper = std::make_unique<DnsCacheKeeper>(cache, DnsCacheKeeper::Parts{resolver, random_});
  return *keeper;
}

void DnsCaches::on_time(MonotonicTime now) {
  std::erase_if(keepers_, [](const auto& entry) { return entry.second->is_over(); });
  for (const auto& [cache, keeper] : keepers_) keeper->on_time(now);
}

MonotonicTime DnsCaches::next_due() const {
  MonotonicTime next = MonotonicTime::max();
  for (const auto& [cache, keeper] : keepers_) next = std::min(next, keeper->next_due());
  return next;
}

std::vector<SettledDemand> DnsCaches::take_settled() {
  std::vector<SettledDemand> all;
  for (const auto& [cache, keeper] : keepers_)
    std::ranges::move(keeper->take_settled(), std::back_inserter(all));
  return all;
}

}  // namespace remora::xds
