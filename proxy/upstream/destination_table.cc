#include "upstream/destination_table.h"

#include <charconv>
#include <utility>

#include "connection_origin.h"
#include "net/reactor.h"
#include "remora/core/stats.h"
#include "remora/http/header_map.h"
#include "stats/cluster_stats.h"
#include "upstream/load_balancer.h"

namespace remora {
namespace {

// How many hosts one new host may look at to find one that can go.
constexpr int kLooksForRoom = 8;

}  // namespace

std::optional<Address> parse_ip_and_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  uint16_t number = 0;
  const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
  if (read.ec != std::errc() || read.ptr != port.data() + port.size()) return std::nullopt;
  auto address = Address::ip(host, number);
  if (!address || (address->family() == AF_INET6) != bracketed) return std::nullopt;
  return std::move(*address);
}

OriginalDstTable::OriginalDstTable(const OriginalDst& config, Parts parts)
    : config_(config),
      parts_(std::move(parts)),
      sweep_timer_(timer_calls<&OriginalDstTable::sweep>, this) {}

OriginalDstTable::~OriginalDstTable() { clear(); }

std::optional<Address> OriginalDstTable::destination(const LbContext& context) {
  if (!config_.header.empty() && context.request != nullptr) {
    if (const auto value = context.request->get(config_.header)) {
      if (auto named = parse_ip_and_port(*value)) return named;
      parts_.stats.add(kOriginalDstHostInvalid);
    }
  }
  if (context.origin == nullptr || !context.origin->destination.is_ip()) return std::nullopt;
  return context.origin->destination;
}

const Host* OriginalDstTable::pick(const LbContext& context) {
  auto address = destination(context);
  if (!address) return nullptr;
  if (config_.port) address->set_port(*config_.port);
  const auto known = by_address_.find(*address);
  if (known != by_address_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
  } else {
    make_room();
    auto joined = parts_.hosts->join(*address);
    if (joined.first) parts_.stats.add(kMembershipChange);
    entries_.push_front({std::move(joined.host)});
    by_address_.emplace(*address, entries_.begin());
    plan_sweep();
  }
  entries_.front().used = true;
  return entries_.front().host.get();
}

HostStats& OriginalDstTable::counts(const Entry& entry) const {
  return entry.host->state().stats(parts_.shard);
}

/// Idle connections go with their host; those that carry something make it count as used just now. So there
/// may be more hosts than kMost, as many as requests.
void OriginalDstTable::make_room() {
  for (int looks = 0; entries_.size() >= kMost && looks < kLooksForRoom; ++looks) {
    const auto oldest = std::prev(entries_.end());
    if (counts(*oldest).rq_active.get() > 0) {
      entries_.splice(entries_.begin(), entries_, oldest);
    } else {
      remove(oldest);
    }
  }
}

OriginalDstTable::Entries::iterator OriginalDstTable::remove(Entries::iterator entry) {
  const auto host = std::move(entry->host);
  by_address_.erase(host->endpoint().address);
  const auto next = entries_.erase(entry);
  if (parts_.hosts->leave(*host)) parts_.stats.add(kMembershipChange);
  parts_.drop(host->state());
  return next;
}

void OriginalDstTable::plan_sweep() {
  if (!sweep_timer_.armed()) parts_.reactor.arm(sweep_timer_, config_.cleanup_interval);
}

void OriginalDstTable::sweep() {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool stays = std::exchange(entry->used, false) || counts(*entry).cx_active.get() > 0;
    entry = stays ? std::next(entry) : remove(entry);
  }
  if (!entries_.empty()) plan_sweep();
}

void OriginalDstTable::clear() {
  sweep_timer_.cancel();
  while (!entries_.empty()) remove(entries_.begin());
}

}  // namespace remora
