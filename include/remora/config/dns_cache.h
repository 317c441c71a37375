#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "remora/config/demand.h"
#include "remora/config/dns.h"
#include "remora/core/address.h"
#include "remora/core/clock.h"
#include "remora/core/failure.h"
#include "remora/core/result.h"
#include "remora/core/stats.h"

namespace remora {

/// Which names requests may have resolved, how, and how many of them. Defaults are Envoy's. Source:
/// envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig.
struct DnsCacheConfig {
  std::string name;
  DnsLookupFamily family = DnsLookupFamily::kAuto;
  Milliseconds refresh_rate{60000};     // after an answer without addresses
  Milliseconds min_refresh_rate{5000};  // after one with addresses that live shorter
  Milliseconds host_ttl{300000};        // what nobody has used for so long goes
  Milliseconds query_timeout{5000};     // 0: as long as the resolver takes
  Milliseconds failure_base{0};         // the back-off after failures; 0: none, the refresh rate
  Milliseconds failure_max{0};
  uint32_t max_hosts = 1024;
  uint32_t max_pending_requests = 1024;       // that wait for a name, of all workers
  std::vector<std::string> preresolve;        // as forward_name() has them
  std::optional<DnsResolverConfig> resolver;  // nothing: the one that the bootstrap names
  bool operator==(const DnsCacheConfig&) const = default;
};

/// What a request's authority means for a forward proxy, "name:port" in lower case, into `out`. False: it is
/// no name of a host (RFC 1123 section 2.1) and no address, or no port. No allocation once `out` has room.
bool forward_name(std::string_view authority, uint16_t default_port, std::string& out);

/// A name, and the addresses that it had when it was last asked for. Written by the thread that asks, read by
/// any.
class CachedName {
 public:
  /// `text` as forward_name() has it.
  CachedName(std::string text, MonotonicTime now);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// Without the port, and without the brackets of an IPv6 address.
  [[nodiscard]] std::string host() const;
  [[nodiscard]] uint16_t port() const;
  /// Another number with each change of the addresses; 0: it has none yet.
  [[nodiscard]] uint64_t version() const { return version_.load(std::memory_order_acquire); }
  /// With their port. Takes a lock: only to be called when version() is another one.
  [[nodiscard]] std::vector<Address> addresses() const;
  /// It has left the cache, which may have another of the same name by now.
  [[nodiscard]] bool is_gone() const { return gone_.load(std::memory_order_relaxed); }
  /// A request goes there. Seldom a write.
  void touch(MonotonicTime now) const;
  [[nodiscard]] MonotonicTime last_used() const { return last_used_.load(std::memory_order_relaxed); }

  /// Why there is no address, as response code details have it; static. "": there is one. Null: no question
  /// has ended yet.
  [[nodiscard]] const char* failure() const { return failure_.load(std::memory_order_relaxed); }

  // For whoever asks:
  void set_failure(const char* failure) { failure_.store(failure, std::memory_order_relaxed); }
  /// False: they are what it has already.
  bool set_addresses(std::vector<Address> addresses);
  void set_gone() { gone_.store(true, std::memory_order_relaxed); }

 private:
  const std::string text_;
  mutable std::mutex mutex_;
  std::vector<Address> addresses_;
  std::atomic<uint64_t> version_{0};
  std::atomic<bool> gone_{false};
  std::atomic<const char*> failure_{nullptr};
  mutable std::atomic<MonotonicTime> last_used_;
};

/// dns_cache.<name>.*. Source: Envoy, dynamic forward proxy statistics.
enum DnsCacheStat : size_t {
  kDnsQueryAttempt,
  kDnsQuerySuccess,
  kDnsQueryFailure,
  kDnsQueryTimeout,
  kHostAddressChanged,
  kHostAdded,
  kHostRemoved,
  kHostOverflow,
  kDnsRqPendingOverflow,
  kNumHosts,
  kDnsPendingOpen,
  kDnsPendingRemaining,
};

/// The names that requests have asked for, shared by filters, clusters and workers, and by whoever asks name
/// servers for them. As the source of a Demand it says where a name is to come from. Thread-safe; what a
/// worker knows already it need not ask here (DnsCacheView).
class DnsCache final : public DemandSource {
 public:
  /// The cache of that name; it is there as long as somebody holds it. Errors: it has other settings.
  static Result<std::shared_ptr<DnsCache>> share(StatsStore& stats, const DnsCacheConfig& config);
  DnsCache(StatsStore& stats, DnsCacheConfig config);

  [[nodiscard]] const DnsCacheConfig& config() const { return config_; }
  /// Shard 0 belongs to whoever asks.
  [[nodiscard]] StatBlock& stats(size_t shard) const { return stats_->block(shard); }
  /// What to ask the worker for (FilterWorker::demand), where this is the source.
  [[nodiscard]] DemandKey key_of(const std::string& text) const;

  /// Null: it is not known, or was never asked for with success.
  [[nodiscard]] std::shared_ptr<const CachedName> find(std::string_view text) const;
  /// As above, also without an address.
  [[nodiscard]] std::shared_ptr<const CachedName> find_any(std::string_view text) const;
  /// No further name has room: those that could go for it are counted as gone.
  [[nodiscard]] bool is_full() const { return held_.load(std::memory_order_relaxed) >= config_.max_hosts; }

  /// A request is about to wait. False: too many do; counted.
  bool begin_wait(size_t shard) const;
  void end_wait(size_t shard) const;

  /// Clusters whose hosts come from here, each with the port where a request names none.
  using Clusters = std::map<std::string, uint16_t, std::less<>>;
  /// Another number with each change of them.
  [[nodiscard]] uint64_t clusters_version() const {
    return clusters_version_.load(std::memory_order_acquire);
  }
  [[nodiscard]] Clusters clusters() const;
  void join(const std::string& cluster, uint16_t default_port);
  void leave(const std::string& cluster);

  // For whoever asks:
  void add(std::shared_ptr<CachedName> name);
  void remove(CachedName& name);
  [[nodiscard]] size_t size() const;
  /// How many names have an address or are being asked for.
  void set_held(size_t held) { held_.store(held, std::memory_order_relaxed); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct User {
    uint16_t port = 0;
    size_t versions = 0;  // of the cluster, that live
  };

  const DnsCacheConfig config_;
  const std::shared_ptr<StatScope> stats_;
  mutable std::atomic<uint32_t> pending_{0};
  std::atomic<size_t> held_{0};
  std::atomic<uint64_t> clusters_version_{1};
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, std::shared_ptr<CachedName>, Hash, std::equal_to<>> names_;
  std::map<std::string, User> users_;
};

/// One worker's look at a cache: names that it has met are found without a lock. Not thread-safe.
class DnsCacheView {
 public:
  explicit DnsCacheView(std::shared_ptr<const DnsCache> cache) : cache_(std::move(cache)) {}

  /// Null: it has no address. Lives until the next call.
  const std::shared_ptr<const CachedName>* find(const std::string& text);
  [[nodiscard]] size_t size() const { return known_.size(); }

 private:
  std::shared_ptr<const DnsCache> cache_;
  std::unordered_map<std::string, std::shared_ptr<const CachedName>> known_;
  size_t sweep_at_ = 64;
};

}  // namespace remora
