#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/dns/name_resolver.h"
#include "remora/config/dns_cache.h"
#include "remora/core/random.h"

namespace remora::xds {

/// Asks for the names of one cache: when a request demands one, and then again and again for as long as
/// requests go there. After an answer the next question comes with the addresses' time to live, after a
/// failure what was known stays, and the questions back off. Time is passed in. Single-threaded. Source:
/// Envoy, dynamic forward proxy, DNS cache.
class DnsCacheKeeper {
 public:
  /// What it works with outlives it.
  struct Parts {
    NameResolver& resolver;
    Random& random;
  };
  DnsCacheKeeper(const std::shared_ptr<DnsCache>& cache, Parts parts);
  ~DnsCacheKeeper();
  DnsCacheKeeper(const DnsCacheKeeper&) = delete;
  DnsCacheKeeper& operator=(const DnsCacheKeeper&) = delete;

  /// A request waits for it. Answered by take_settled(), perhaps at once.
  void demand(const DemandKey& key, uint64_t number, MonotonicTime now);
  /// What the configuration wants to have before anybody asks.
  void preresolve(MonotonicTime now);
  void on_time(MonotonicTime now);
  /// MonotonicTime::max(): only an answer is waited for, or nothing.
  [[nodiscard]] MonotonicTime next_due() const;
  /// Nobody holds the cache any more: nor is anybody to hold this.
  [[nodiscard]] bool is_over() const { return cache_.expired(); }
  std::vector<SettledDemand> take_settled() { return std::exchange(settled_, {}); }

 private:
  struct Entry {
    std::shared_ptr<CachedName> name;
    std::string host;
    MonotonicTime due = MonotonicTime::max();  // of the next question, or of the end of the one under way
    bool asking = false;
    uint64_t question = 0;  // the newest one's number: answers to earlier ones come too late
    uint64_t demanded = 0;  // the newest demand that waits; 0: none
    DemandKey key;
    Milliseconds failure_limit{0};  // of the next wait after a failure
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  Entry* add(DnsCache& cache, const std::string& text, MonotonicTime now);
  bool make_room(DnsCache& cache);
  void remove(DnsCache& cache, Entry& entry);
  void ask(DnsCache& cache, Entry& entry, MonotonicTime now);
  void on_answer(Entry& entry, const DnsAnswer& answer, MonotonicTime now);
  void on_timeout(DnsCache& cache, Entry& entry, MonotonicTime now);
  Milliseconds take(DnsCache& cache, Entry& entry, const DnsAnswer& answer);
  Milliseconds after_failure(const DnsCache& cache, Entry& entry);
  void finish(DnsCache& cache, Entry& entry, MonotonicTime next);
  void set_due(Entry& entry, MonotonicTime due);
  void count_held(DnsCache& cache);

  const std::weak_ptr<DnsCache> cache_;
  const Parts parts_;
  Entries entries_;
  std::set<std::pair<MonotonicTime, Entry*>> due_;
  std::set<Entry*> without_;  // that have no address, and that nobody is asked for
  std::vector<SettledDemand> settled_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);  // for answers that come later
};

}  // namespace remora::xds
