#include "client/dns/dns_feed.h"

#include <algorithm>
#include <unordered_set>

#include "client/dns/dns_stats.h"

namespace remora::xds {
namespace {

constexpr size_t kMainShard = 0;  // nobody else writes this scope

/// No time to live is believed beyond this. Source: RFC 8767 4, where it is recommended.
constexpr Milliseconds kLongestTtl = std::chrono::hours(7 * 24);

Milliseconds below(Random& random, Milliseconds limit) {
  return Milliseconds(static_cast<int64_t>(random.below(static_cast<uint64_t>(limit.count()))));
}

std::shared_ptr<const Endpoint> at(const DnsDiscovery::Target& target, Address address) {
  address.set_port(target.port);
  auto host = std::make_shared<Endpoint>(target.host);
  host->address_text = address.to_string();
  host->address = std::move(address);
  return host;
}

/// One host for all of an answer: its first address, and the others for who cannot reach that.
std::shared_ptr<const Endpoint> logical_host(const DnsDiscovery::Target& target,
                                             const std::vector<Address>& addresses) {
  auto host = std::make_shared<Endpoint>(*at(target, addresses.front()));
  for (size_t i = 1; i < addresses.size(); ++i) {
    Address other = addresses[i];
    other.set_port(target.port);
    host->additional_addresses.push_back(std::move(other));
  }
  return host;
}

bool same_host(const std::shared_ptr<const Endpoint>& a, const std::shared_ptr<const Endpoint>& b) {
  return a->address_text == b->address_text &&
         a->additional_addresses.list() == b->additional_addresses.list();
}

}  // namespace

DnsFeed::DnsFeed(std::shared_ptr<const DnsDiscovery> dns, Parts parts)
    : dns_(std::move(dns)),
      parts_(std::move(parts)),
      targets_(dns_->targets.size()) {
  for (Target& target : targets_) target.failure_limit = dns_->failure_base;
}

DnsFeed::~DnsFeed() = default;

void DnsFeed::follow(ResourceType /*type*/, const std::string& name) {
  name_ = name;
  for (Target& target : targets_) target.due = MonotonicTime::min();
  parts_.owner.on_due(*this);
}

void DnsFeed::on_time(MonotonicTime now) {
  for (size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].due <= now) ask(i);
  }
  parts_.owner.on_due(*this);
}

MonotonicTime DnsFeed::next_due() const {
  MonotonicTime next = MonotonicTime::max();
  for (const Target& target : targets_) next = std::min(next, target.due);
  return next;
}

void DnsFeed::ask(size_t number) {
  targets_[number].due = MonotonicTime::max();
  parts_.stats->block(kMainShard).add(kUpdateAttempt);
  parts_.resolver.resolve(
      dns_->targets[number].name, dns_->family,
      [this, number, alive = std::weak_ptr(alive_)](const DnsAnswer& answer, MonotonicTime now) {
        if (!alive.expired()) on_answer(number, answer, now);
      });
}

/// One logical host cannot go without an address; elsewhere no addresses mean no hosts.
bool DnsFeed::is_success(const DnsAnswer& answer) const {
  return answer.is_answered && !(dns_->one_host && answer.addresses.empty());
}

void DnsFeed::on_answer(size_t number, const DnsAnswer& answer, MonotonicTime now) {
  Target& target = targets_[number];
  const bool success = is_success(answer);
  parts_.stats->block(kMainShard).add(success ? kUpdateSuccess : kUpdateFailure);
  target.due = now + (success ? after_success(target, answer) : after_failure(target));
  parts_.owner.on_due(*this);
  if (!success && set_) return;  // what was known stays
  const bool changed = success && take(number, answer);
  if (changed || !set_) set_ = join();  // after a failure that came first the cluster goes on without hosts
  parts_.owner.on_hosts(*this, set_);   // perhaps the end of this feed
}

/// False: the hosts are as they were.
bool DnsFeed::take(size_t number, const DnsAnswer& answer) {
  EndpointList hosts;
  if (dns_->one_host) {
    hosts.push_back(logical_host(dns_->targets[number], answer.addresses));
  } else {
    for (const Address& address : answer.addresses) hosts.push_back(at(dns_->targets[number], address));
  }
  // Name servers shuffle their answers, which changes nothing.
  std::ranges::sort(hosts, {}, [](const auto& host) -> const std::string& { return host->address_text; });
  EndpointList& known = targets_[number].hosts;
  if (std::ranges::equal(hosts, known, same_host)) return false;
  for (auto& host : hosts) {  // each endpoint is there once
    const auto before =
        std::ranges::lower_bound(known, host->address_text, {},
                                 [](const auto& other) -> const std::string& { return other->address_text; });
    if (before != known.end() && same_host(*before, host)) host = *before;
  }
  known = std::move(hosts);
  return true;
}

std::shared_ptr<const EndpointSet> DnsFeed::join() const {
  auto set = std::make_shared<EndpointSet>(dns_->set);
  std::unordered_set<std::string_view> seen;
  for (const Target& target : targets_) {
    for (const auto& host : target.hosts) {
      if (seen.insert(host->address_text).second) set->endpoints.push_back(host);
    }
  }
  return set;
}

Milliseconds DnsFeed::after_success(Target& target, const DnsAnswer& answer) {
  target.failure_limit = dns_->failure_base;
  Milliseconds wait = dns_->refresh_rate;
  if (dns_->respect_ttl && answer.ttl.count() > 0) wait = std::min(answer.ttl, kLongestTtl);
  if (dns_->jitter.count() > 0) wait += below(parts_.random, dns_->jitter);
  return wait;
}

Milliseconds DnsFeed::after_failure(Target& target) {
  if (dns_->failure_base.count() == 0) return dns_->refresh_rate;
  const Milliseconds limit = target.failure_limit;
  target.failure_limit = std::min(limit * 2, dns_->failure_max);
  return below(parts_.random, limit);
}

}  // namespace remora::xds
