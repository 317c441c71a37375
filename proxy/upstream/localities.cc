#include "upstream/localities.h"

#include <algorithm>

#include "upstream/by_locality.h"

namespace remora {
namespace {

ByLocality<uint32_t> weights_of(uint32_t priority, const std::vector<LocalityWeight>& weights) {
  ByLocality<uint32_t> result;
  for (const auto& entry : weights) {
    if (entry.priority == priority) result[entry.locality.get()] = entry.weight;
  }
  return result;
}

}  // namespace

std::shared_ptr<const LocalityChoices> make_localities(const HostChoices& some, const HostChoices& all,
                                                       uint32_t priority, const LoadRules& rules,
                                                       uint32_t& next_id) {
  const auto weights = weights_of(priority, *rules.localities);
  auto usable = by_locality(some.hosts);
  LocalityChoices made;
  for (const auto& [locality, hosts] : by_locality(all.hosts)) {
    const auto weight = weights.find(locality);
    const auto found = usable.find(locality);
    if (weight == weights.end() || found == usable.end()) continue;
    const double available = static_cast<double>(found->second.size()) / static_cast<double>(hosts.size());
    const double taken = std::min(1.0, available * rules.overprovisioning / 100);
    auto& share = made.shares.emplace_back();
    share.weight = weight->second * taken;
    share.hosts.hosts = std::move(found->second);
    finish(share.hosts, rules, next_id);
  }
  if (made.shares.empty()) return nullptr;
  made.id = next_id++;
  return std::make_shared<const LocalityChoices>(std::move(made));
}

std::vector<HashTable::Member> locality_members(const std::vector<const Host*>& hosts, uint32_t priority,
                                                const std::vector<LocalityWeight>& weights) {
  const auto known = weights_of(priority, weights);
  double all = 0;
  for (const auto& [locality, weight] : known) all += weight;
  std::vector<HashTable::Member> members;
  for (const auto& [locality, own] : by_locality(hosts)) {
    const auto weight = known.find(locality);
    if (weight == known.end()) continue;
    const double share = weight->second / all;
    double sum = 0;
    for (const Host* host : own) sum += host->weight();
    for (const Host* host : own) members.push_back({host, share * host->weight() / sum});
  }
  return members;
}

}  // namespace remora
