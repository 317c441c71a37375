#include "client/virtual_host_sets.h"

#include <algorithm>

#include "client/resource_types.h"
#include "translate/values.h"

namespace remora::xds {

VirtualHostSets::Set& VirtualHostSets::hold(const std::string& key, const std::string& table,
                                            std::shared_ptr<const ResourceSource> source) {
  Set& set = sets_[key];
  const auto before = std::exchange(set.source, std::move(source));
  set.table = table;
  if (before != nullptr && before->key == set.source_key()) return set;
  set.answered = false;
  touched_.push_back({{}, set.source, true});
  if (before != nullptr) let_go(before);
  return set;
}

void VirtualHostSets::release(const std::string& key) {
  const auto found = sets_.find(key);
  if (found == sets_.end()) return;
  Set set = std::move(found->second);
  sets_.erase(found);
  while (!set.asked.empty()) settle(set, std::string(set.asked.begin()->first), false);
  if (keys_of(set.table, set.source_key()).empty()) {
    for (auto& [name, host] : set.hosts) keep_unclaimed(name, set.source_key(), std::move(host.record));
  }
  let_go(set.source);
}

bool VirtualHostSets::keep_unclaimed(const std::string& name, const std::string& source,
                                     ResourceRecord record) {
  if (unclaimed_.size() >= kMostUnclaimed && !unclaimed_.contains({source, name})) return false;
  unclaimed_[{source, name}] = std::move(record);
  return true;
}

std::vector<std::pair<std::string, ResourceRecord>> VirtualHostSets::claim(const Set& set) {
  std::vector<std::pair<std::string, ResourceRecord>> claimed;
  const std::string prefix = set.table + "/";
  auto at = unclaimed_.lower_bound({set.source_key(), prefix});
  while (at != unclaimed_.end() && at->first.first == set.source_key() &&
         at->first.second.starts_with(prefix)) {
    if (table_of(at->first.second) != set.table) {
      ++at;
      continue;
    }
    claimed.emplace_back(at->first.second, std::move(at->second));
    at = unclaimed_.erase(at);
  }
  return claimed;
}

void VirtualHostSets::ask(const Demand& demand) {
  const DemandKey& key = demand.key;
  const auto refuse = [&] { settled_.push_back({key, false, demand.number}); };
  Set* set = find(key.table);
  if (set == nullptr || key.name.size() > kLongestAsked) return refuse();
  const std::string name = set->table + "/" + lower(key.name);
  const bool is_known = set->asked.contains(name);
  if (!is_known && set->asked.size() >= kMostAsked) return refuse();
  auto& waiting = set->asked[name];
  if (waiting.size() >= kMostSpellings) return refuse();
  if (waiting.empty()) touched_.push_back({name, set->source, true});
  uint64_t& number = waiting[key];
  number = std::max(number, demand.number);
}

void VirtualHostSets::settle(Set& set, const std::string& name, bool found) {
  const auto asked = set.asked.find(name);
  if (asked == set.asked.end()) return;
  for (const auto& [key, number] : std::exchange(asked->second, {})) settled_.push_back({key, found, number});
  if (found) return;
  touched_.push_back({name, set.source, false});
  set.asked.erase(asked);
}

void VirtualHostSets::let_go(std::shared_ptr<const ResourceSource> source) {
  if (keys_from(source->key).empty()) touched_.push_back({{}, std::move(source), false});
}

const ResourceRecord* VirtualHostSets::record_of(const std::string& name, const std::string& source) const {
  for (const auto& [key, set] : sets_) {
    if (set.source_key() != source) continue;
    if (const auto host = set.hosts.find(name); host != set.hosts.end()) return &host->second.record;
  }
  const auto found = unclaimed_.find({source, name});
  return found == unclaimed_.end() ? nullptr : &found->second;
}

VirtualHostSets::Set* VirtualHostSets::find(const std::string& key) {
  const auto found = sets_.find(key);
  return found == sets_.end() ? nullptr : &found->second;
}

const VirtualHostSets::Set* VirtualHostSets::find(const std::string& key) const {
  const auto found = sets_.find(key);
  return found == sets_.end() ? nullptr : &found->second;
}

std::vector<std::string> VirtualHostSets::keys_of(const std::string& table, const std::string& source) const {
  std::vector<std::string> keys;
  for (const auto& [key, set] : sets_) {
    if (set.table == table && set.source_key() == source) keys.push_back(key);
  }
  return keys;
}

std::vector<std::string> VirtualHostSets::keys_from(const std::string& source) const {
  std::vector<std::string> keys;
  for (const auto& [key, set] : sets_) {
    if (set.source_key() == source) keys.push_back(key);
  }
  return keys;
}

size_t VirtualHostSets::refused_count() const {
  size_t count = 0;
  for (const auto& [key, set] : sets_) count += set.refused.size();
  return count;
}

}  // namespace remora::xds
