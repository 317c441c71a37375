#pragma once

#include <map>
#include <memory>
#include <vector>

#include "client/dns/dns_cache_keeper.h"

namespace remora::xds {

/// Who keeps which cache of names: a keeper for each, from the first demand on until nobody holds the cache.
/// Time is passed in. Single-threaded.
class DnsCaches {
 public:
  explicit DnsCaches(Random& random) : random_(random) {}

  /// The cache's keeper. `resolver` is whom it asks; it outlives this object.
  DnsCacheKeeper& keeper_of(const std::shared_ptr<DnsCache>& cache, NameResolver& resolver);
  void on_time(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_due() const;
  std::vector<SettledDemand> take_settled();

 private:
  Random& random_;
  std::map<const DnsCache*, std::unique_ptr<DnsCacheKeeper>> keepers_;  // few
};

}  // namespace remora::xds
