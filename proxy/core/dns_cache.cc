#include "remora/config/dns_cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace remora {
namespace {

// In the order of DnsCacheStat.
constexpr StatDef kSchema[] = {
    {"dns_query_attempt"},
    {"dns_query_success"},
    {"dns_query_failure"},
    {"dns_query_timeout"},
    {"host_address_changed"},
    {"host_added"},
    {"host_removed"},
    {"host_overflow"},
    {"dns_rq_pending_overflow"},
    {"num_hosts", StatKind::kGauge},
    {"circuit_breakers.rq_pending_open", StatKind::kGauge, "circuit_breakers_rq_pending_open"},
    {"circuit_breakers.rq_pending_remaining", StatKind::kGauge, "circuit_breakers_rq_pending_remaining"},
};
static_assert(std::size(kSchema) == kDnsPendingRemaining + 1);

constexpr size_t kMainShard = 0;
/// How exactly is known when a name was last used.
constexpr Milliseconds kTouch{50};

ScopeName scope_name(const std::string& cache) {
  std::string flat = cache;
  const auto is_odd = [](char c) {
    return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z');
  };
  std::ranges::replace_if(flat, is_odd, '_');
  return {"dns_cache." + cache + ".", "envoy_dns_cache_" + flat + "_", {}, {}};
}

/// The caches of the process, by whose statistics they count in and by name.
struct Registry {
  std::mutex mutex;
  std::map<std::pair<const StatsStore*, std::string>, std::weak_ptr<DnsCache>> caches;
};

Registry& registry() {
  static Registry all;
  return all;
}

}  // namespace

// -------------------------------------------------------------------------------------------- CachedName

CachedName::CachedName(std::string text, MonotonicTime now) : text_(std::move(text)), last_used_(now) {}

std::vector<Address> CachedName::addresses() const {
  const std::lock_guard lock(mutex_);
  return addresses_;
}

bool CachedName::set_addresses(std::vector<Address> addresses) {
  const std::lock_guard lock(mutex_);
  // Name servers shuffle their answers, which changes nothing.
  if (std::ranges::is_permutation(addresses, addresses_)) return false;
  addresses_ = std::move(addresses);
  version_.fetch_add(1, std::memory_order_release);
  return true;
}

void CachedName::touch(MonotonicTime now) const {
  if (now - last_used() >= kTouch) last_used_.store(now, std::memory_order_relaxed);
}

// ---------------------------------------------------------------------------------------------- DnsCache

Result<std::shared_ptr<DnsCache>> DnsCache::share(StatsStore& stats, const DnsCacheConfig& config) {
  auto& all = registry();
  const std::lock_guard lock(all.mutex);
  std::erase_if(all.caches, [](const auto& entry) { return entry.second.expired(); });
  auto& slot = all.caches[{&stats, config.name}];
  auto cache = slot.lock();
  if (!cache) {
    cache = std::make_shared<DnsCache>(stats, config);
    slot = cache;
  } else if (cache->config() != config) {
    return Error{"the DNS cache '" + config.name + "' is in use with different settings"};
  }
  return cache;
}

DnsCache::DnsCache(StatsStore& stats, DnsCacheConfig config)
    : config_(std::move(config)),
      stats_(stats.make_scope(kSchema, scope_name(config_.name))) {
  this->stats(kMainShard).set(kDnsPendingRemaining, config_.max_pending_requests);
}

DemandKey DnsCache::key_of(const std::string& text) const {
  return {DemandKey::Kind::kCluster, "dns_cache " + config_.name, text};
}

std::shared_ptr<const CachedName> DnsCache::find_any(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(text);
  return found == names_.end() ? nullptr : found->second;
}

std::shared_ptr<const CachedName> DnsCache::find(std::string_view text) const {
  auto name = find_any(text);
  return name != nullptr && name->version() > 0 ? name : nullptr;
}

bool DnsCache::begin_wait(size_t shard) const {
  auto& block = stats(shard);
  uint32_t before = pending_.load(std::memory_order_relaxed);
  do {
    if (before >= config_.max_pending_requests) {
      block.add(kDnsRqPendingOverflow);
      return false;
    }
  } while (!pending_.compare_exchange_weak(before, before + 1, std::memory_order_relaxed));
  if (before + 1 == config_.max_pending_requests) block.add(kDnsPendingOpen);
  block.sub(kDnsPendingRemaining);
  return true;
}

void DnsCache::end_wait(size_t shard) const {
  const uint32_t before = pending_.fetch_sub(1, std::memory_order_relaxed);
  auto& block = stats(shard);
  if (before == config_.max_pending_requests) block.sub(kDnsPendingOpen);
  block.add(kDnsPendingRemaining);
}

DnsCache::Clusters DnsCache::clusters() const {
  const std::lock_guard lock(mutex_);
  Clusters out;
  for (const auto& [name, user] : users_) out.emplace(name, user.port);
  return out;
}

void DnsCache::join(const std::string& cluster, uint16_t default_port) {
  const std::lock_guard lock(mutex_);
  User& user = users_[cluster];
  user.port = default_port;
  ++user.versions;
  clusters_version_.fetch_add(1, std::memory_order_release);
}

void DnsCache::leave(const std::string& cluster) {
  const std::lock_guard lock(mutex_);
  const auto found = users_.find(cluster);
  if (found == users_.end() || --found->second.versions > 0) return;
  users_.erase(found);
  clusters_version_.fetch_add(1, std::memory_order_release);
}

void DnsCache::add(std::shared_ptr<CachedName> name) {
  auto& block = stats(kMainShard);
  block.add(kHostAdded);
  block.add(kNumHosts);
  const std::lock_guard lock(mutex_);
  names_.insert_or_assign(name->text(), std::move(name));
}

void DnsCache::remove(CachedName& name) {
  auto& block = stats(kMainShard);
  block.add(kHostRemoved);
  block.sub(kNumHosts);
  name.set_gone();
  const std::lock_guard lock(mutex_);
  names_.erase(name.text());
}

size_t DnsCache::size() const {
  const std::lock_guard lock(mutex_);
  return names_.size();
}

// ------------------------------------------------------------------------------------------ DnsCacheView

const std::shared_ptr<const CachedName>* DnsCacheView::find(const std::string& text) {
  const auto known = known_.find(text);
  if (known != known_.end() && !known->second->is_gone()) return &known->second;
  auto found = cache_->find(text);
  if (found == nullptr) {
    if (known != known_.end()) known_.erase(known);
    return nullptr;
  }
  if (known_.size() >= sweep_at_) {
    std::erase_if(known_, [](const auto& entry) { return entry.second->is_gone(); });
    sweep_at_ = std::max<size_t>(64, 2 * known_.size());
  }
  auto& slot = known_[text];
  slot = std::move(found);
  return &slot;
}

}  // namespace remora
