#include "upstream/forward_table.h"

#include <iterator>
#include <utility>

#include "net/reactor.h"
#include "remora/core/stats.h"
#include "remora/http/header_map.h"
#include "stats/cluster_stats.h"
#include "upstream/load_balancer.h"

namespace remora {
namespace {

/// How long a host may stay whose name has left the cache.
constexpr Milliseconds kSweep{1000};

}  // namespace

ForwardTable::ForwardTable(const DynamicForward& config, Parts parts)
    : config_(config),
      parts_(std::move(parts)),
      view_(config.cache),
      sweep_timer_(timer_calls<&ForwardTable::sweep>, this) {}

ForwardTable::~ForwardTable() { clear(); }

const Host* ForwardTable::pick(const LbContext& context) {
  if (context.request == nullptr) return nullptr;
  if (!forward_name(context.request->authority(), config_.default_port, text_)) return nullptr;
  const auto* name = view_.find(text_);
  if (name == nullptr) return nullptr;
  Entry& entry = entry_of(*name);
  if (entry.version != entry.name->version()) renew(entry);
  entry.name->touch(parts_.reactor.clock().now());
  picked_ = entry.host;
  return picked_.get();
}

ForwardTable::Entry& ForwardTable::entry_of(const std::shared_ptr<const CachedName>& name) {
  auto& entry = entries_[name.get()];
  if (entry.host != nullptr) return entry;
  entry.name = name;
  entry.version = name->version();
  auto joined = parts_.hosts->join(name->text(), name->addresses());
  if (joined.first) parts_.stats.add(kMembershipChange);
  entry.host = joined.first ? std::move(joined.host) : parts_.hosts->renew(*joined.host, name->addresses());
  if (!sweep_timer_.armed()) parts_.reactor.arm(sweep_timer_, kSweep);
  return entry;
}

/// Connections that there are stay with the addresses that they were made to.
void ForwardTable::renew(Entry& entry) {
  entry.version = entry.name->version();
  entry.host = parts_.hosts->renew(*entry.host, entry.name->addresses());
  parts_.renew(entry.host);
}

ForwardTable::Entries::iterator ForwardTable::remove(Entries::iterator entry) {
  const auto host = std::move(entry->second.host);
  const auto next = entries_.erase(entry);
  if (parts_.hosts->leave(*host)) parts_.stats.add(kMembershipChange);
  parts_.drop(host->state());
  return next;
}

void ForwardTable::sweep() {
  for (auto entry = entries_.begin(); entry != entries_.end();)
    entry = entry->second.name->is_gone() ? remove(entry) : std::next(entry);
  if (!entries_.empty()) parts_.reactor.arm(sweep_timer_, kSweep);
}

void ForwardTable::clear() {
  sweep_timer_.cancel();
  while (!entries_.empty()) remove(entries_.begin());
}

}  // namespace remora
