#include "client/dns/dns_cache_keeper.h"

#include <algorithm>

namespace remora::xds {
namespace {

constexpr size_t kMainShard = 0;  // of the cache's statistics: nobody else writes it

/// No time to live is believed beyond this. Source: RFC 8767 4, where it is recommended.
constexpr Milliseconds kLongestTtl = std::chrono::hours(7 * 24);

constexpr const char* kTimeout = "dns_resolution_failure{resolve_timeout}";

}  // namespace

DnsCacheKeeper::DnsCacheKeeper(const std::shared_ptr<DnsCache>& cache, Parts parts)
    : cache_(cache),
      parts_(std::move(parts)) {}

DnsCacheKeeper::~DnsCacheKeeper() = default;

void DnsCacheKeeper::demand(const DemandKey& key, uint64_t number, MonotonicTime now) {
  const auto cache = cache_.lock();
  if (cache == nullptr) return settled_.push_back({key, false, number});
  const auto known = entries_.find(key.name);
  Entry* entry = known != entries_.end() ? &known->second : add(*cache, key.name, now);
  if (entry == nullptr) return settled_.push_back({key, false, number});
  if (entry->name->version() > 0) return settled_.push_back({key, true, number});
  if (!entry->asking && entry->question > 0) return settled_.push_back({key, false, number});
  entry->key = key;
  entry->demanded = std::max(entry->demanded, number);
  if (!entry->asking) ask(*cache, *entry, now);
}

void DnsCacheKeeper::preresolve(MonotonicTime now) {
  const auto cache = cache_.lock();
  if (cache == nullptr) return;
  for (const std::string& text : cache->config().preresolve) {
    if (entries_.contains(text)) continue;
    if (Entry* entry = add(*cache, text, now)) ask(*cache, *entry, now);
  }
}

/// Null: there is no room.
DnsCacheKeeper::Entry* DnsCacheKeeper::add(DnsCache& cache, const std::string& text, MonotonicTime now) {
  if (entries_.size() >= cache.config().max_hosts && !make_room(cache)) {
    cache.stats(kMainShard).add(kHostOverflow);
    return nullptr;
  }
  Entry& entry = entries_[text];
  entry.name = std::make_shared<CachedName>(text, now);
  entry.host = entry.name->host();
  entry.failure_limit = cache.config().failure_base;
  cache.add(entry.name);
  return &entry;
}

/// Names that do not exist are easily made up: they must not keep others out.
bool DnsCacheKeeper::make_room(DnsCache& cache) {
  if (without_.empty()) return false;
  remove(cache, **without_.begin());
  return true;
}

void DnsCacheKeeper::remove(DnsCache& cache, Entry& entry) {
  const auto name = entry.name;
  cache.remove(*name);
  set_due(entry, MonotonicTime::max());
  without_.erase(&entry);
  entries_.erase(name->text());
  count_held(cache);
}

void DnsCacheKeeper::count_held(DnsCache& cache) { cache.set_held(entries_.size() - without_.size()); }

void DnsCacheKeeper::set_due(Entry& entry, MonotonicTime due) {
  if (entry.due != MonotonicTime::max()) due_.erase({entry.due, &entry});
  entry.due = due;
  if (due != MonotonicTime::max()) due_.insert({due, &entry});
}

MonotonicTime DnsCacheKeeper::next_due() const {
  return due_.empty() ? MonotonicTime::max() : due_.begin()->first;
}

void DnsCacheKeeper::on_time(MonotonicTime now) {
  const auto cache = cache_.lock();
  if (cache == nullptr) return;
  while (!due_.empty() && due_.begin()->first <= now) {
    Entry& entry = *due_.begin()->second;
    if (entry.asking) {
      on_timeout(*cache, entry, now);
    } else if (now - entry.name->last_used() > cache->config().host_ttl) {
      remove(*cache, entry);
    } else {
      ask(*cache, entry, now);
    }
  }
}

void DnsCacheKeeper::ask(DnsCache& cache, Entry& entry, MonotonicTime now) {
  const auto timeout = cache.config().query_timeout;
  entry.asking = true;
  without_.erase(&entry);
  count_held(cache);
  set_due(entry, timeout.count() == 0 ? MonotonicTime::max() : now + timeout);
  cache.stats(kMainShard).add(kDnsQueryAttempt);
  parts_.resolver.resolve(entry.host, cache.config().family,
                          [this, text = entry.name->text(), question = ++entry.question,
                           alive = std::weak_ptr(alive_)](const DnsAnswer& answer, MonotonicTime at) {
                            if (alive.expired()) return;
                            const auto found = entries_.find(text);
                            if (found != entries_.end() && found->second.question == question)
                              on_answer(found->second, answer, at);
                          });
}

void DnsCacheKeeper::on_answer(Entry& entry, const DnsAnswer& answer, MonotonicTime now) {
  const auto cache = cache_.lock();
  if (cache == nullptr || !entry.asking) return;
  cache->stats(kMainShard).add(answer.is_answered ? kDnsQuerySuccess : kDnsQueryFailure);
  const auto wait = answer.is_answered ? take(*cache, entry, answer) : after_failure(*cache, entry);
  // Last: who sees it looks at the addresses as well.
  entry.name->set_failure(answer.failure);
  finish(*cache, entry, now + wait);
}

void DnsCacheKeeper::on_timeout(DnsCache& cache, Entry& entry, MonotonicTime now) {
  cache.stats(kMainShard).add(kDnsQueryTimeout);
  cache.stats(kMainShard).add(kDnsQueryFailure);
  ++entry.question;
  entry.name->set_failure(kTimeout);
  finish(cache, entry, now + after_failure(cache, entry));
}

/// How long what was found counts. Nothing found changes nothing.
Milliseconds DnsCacheKeeper::take(DnsCache& cache, Entry& entry, const DnsAnswer& answer) {
  const auto& config = cache.config();
  entry.failure_limit = config.failure_base;
  if (answer.addresses.empty()) return config.refresh_rate;
  auto addresses = answer.addresses;
  for (Address& address : addresses) address.set_port(entry.name->port());
  if (entry.name->set_addresses(std::move(addresses))) cache.stats(kMainShard).add(kHostAddressChanged);
  return std::clamp(answer.ttl, config.min_refresh_rate, std::max(kLongestTtl, config.min_refresh_rate));
}

Milliseconds DnsCacheKeeper::after_failure(const DnsCache& cache, Entry& entry) {
  const auto& config = cache.config();
  if (config.failure_base.count() == 0) return config.refresh_rate;
  const Milliseconds limit = entry.failure_limit;
  entry.failure_limit = std::min(limit * 2, config.failure_max);
  return Milliseconds(static_cast<int64_t>(parts_.random.below(static_cast<uint64_t>(limit.count()))));
}

/// The question is over, and the next one comes then.
void DnsCacheKeeper::finish(DnsCache& cache, Entry& entry, MonotonicTime next) {
  entry.asking = false;
  const bool found = entry.name->version() > 0;
  if (!found) without_.insert(&entry);
  count_held(cache);
  set_due(entry, next);
  if (entry.demanded == 0) return;
  settled_.push_back({entry.key, found, std::exchange(entry.demanded, 0)});
}

}  // namespace remora::xds
