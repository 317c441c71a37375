#include "client/cluster_demands.h"

#include <algorithm>

#include "client/log.h"

namespace remora::xds {

bool ClusterDemands::is_there(const std::string& name) const {
  const auto* entry = store_.clusters().find(name);
  return entry != nullptr && entry->active;
}

bool ClusterDemands::add(const Demand& demand, std::shared_ptr<const ResourceSource> source,
                         MonotonicTime now) {
  const std::string& name = demand.key.name;
  if (is_there(name)) {
    settle(name, true, demand.number);
    return false;
  }
  const auto known = entries_.find(name);
  if (known != entries_.end()) {
    known->second.number = std::max(known->second.number, demand.number);
    return false;
  }
  if (entries_.size() >= kMost) {
    log(LogLevel::kWarning, "the cluster '" + name + "' is not asked for: " + std::to_string(kMost) +
                                " clusters were asked for by requests, which is the most there may be");
    refuse(demand);
    return false;
  }
  entries_[name] = {std::move(source), now + kPatience, demand.number};
  ++waiting_;
  store_.set_demanded(name, true);
  return true;
}

void ClusterDemands::settle(const std::string& name, bool found, uint64_t number) {
  settled_.push_back({{DemandKey::Kind::kCluster, {}, name}, found, number});
}

/// The entry behind it.
ClusterDemands::Entries::iterator ClusterDemands::drop(Entries::iterator entry) {
  if (entry->second.waiting()) {
    --waiting_;
    settle(entry->first, false, entry->second.number);
  }
  store_.set_demanded(entry->first, false);
  dropped_.push_back({entry->first, std::move(entry->second.source), false});
  return entries_.erase(entry);
}

void ClusterDemands::removed(const std::string& source, const Names& names) {
  for (const std::string& name : names) {
    const auto found = entries_.find(name);
    if (found != entries_.end() && found->second.source->key == source) drop(found);
  }
}

void ClusterDemands::refused(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto found = entries_.find(name);
    if (found != entries_.end() && found->second.waiting()) drop(found);
  }
}

void ClusterDemands::activated(const std::vector<ClusterUpdate>& clusters) {
  if (waiting_ == 0) return;
  for (const ClusterUpdate& cluster : clusters) {
    const auto found = entries_.find(cluster.config->name);
    if (found == entries_.end() || !found->second.waiting()) continue;
    found->second.deadline = MonotonicTime::max();
    --waiting_;
    settle(found->first, true, found->second.number);
  }
}

void ClusterDemands::expire(MonotonicTime now) {
  if (waiting_ == 0) return;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    entry = entry->second.deadline <= now ? drop(entry) : std::next(entry);
  }
}

MonotonicTime ClusterDemands::next_deadline() const {
  MonotonicTime next = MonotonicTime::max();
  if (waiting_ == 0) return next;
  for (const auto& [name, entry] : entries_) next = std::min(next, entry.deadline);
  return next;
}

}  // namespace remora::xds
