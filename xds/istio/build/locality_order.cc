#include "istio/build/locality_order.h"

#include <algorithm>
#include <set>
#include <string>

#include "envoy/config/endpoint/v3/endpoint.pb.h"

namespace remora::istio {
namespace {

using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::endpoint::v3::LocalityLbEndpoints;
using Groups = std::vector<LocalityLbEndpoints*>;

Place place_of(const LocalityLbEndpoints& group) {
  const auto& locality = group.locality();
  return {locality.region(), locality.zone(), locality.sub_zone()};
}

/// A label of a workload; what says where it is follows from its locality.
std::string label_of(const std::string& name, const Labels& labels, const std::string& locality) {
  const auto own = labels.find(name);
  if (own != labels.end()) return own->second;
  const Place place = parse_place(locality);
  if (name == "topology.kubernetes.io/region") return place.region;
  if (name == "topology.kubernetes.io/zone") return place.zone;
  if (name == "topology.istio.io/subzone") return place.sub_zone;
  return {};
}

/// The matching localities share `percent` by their endpoints' weights; whom it fits is taken out of `left`.
void distribute_to(const std::string& rule, uint32_t percent, Groups& left) {
  const Place wanted = parse_place(rule);
  const auto rest = std::stable_partition(left.begin(), left.end(), [&](const LocalityLbEndpoints* group) {
    return !is_at(place_of(*group), wanted);
  });
  uint64_t total = 0;
  for (auto group = rest; group != left.end(); ++group) total += (*group)->load_balancing_weight().value();
  for (auto group = rest; group != left.end(); ++group) {
    auto& weight = *(*group)->mutable_load_balancing_weight();
    const uint64_t share = weight.value() * percent;
    weight.set_value(static_cast<uint32_t>((share + total - 1) / total));
  }
  left.erase(rest, left.end());
}

void distribute(const LocalityBalancing::Distribution& rule, ClusterLoadAssignment& assignment) {
  Groups left;
  for (auto& group : *assignment.mutable_endpoints()) left.push_back(&group);
  for (const auto& [place, percent] : rule.to) distribute_to(place, percent, left);
  const std::set<const LocalityLbEndpoints*> unused(left.begin(), left.end());
  auto& groups = *assignment.mutable_endpoints();
  for (int i = groups.size(); i-- > 0;) {
    if (unused.contains(&groups[i])) groups.DeleteSubrange(i, 1);
  }
}

/// 0: the same sub-zone; 1: the same zone; 2: the same region; 3: another one; 4: one that is not the one
/// which failover names.
uint32_t distance(const Place& from, const Place& to,
                  const std::vector<LocalityBalancing::Failover>& failover) {
  if (from == to) return 0;
  if (from.region == to.region) return from.zone == to.zone ? 1 : 2;
  const auto rule = std::find_if(failover.begin(), failover.end(),
                                 [&](const auto& entry) { return entry.from == from.region; });
  return rule == failover.end() || rule->to == to.region ? 3 : 4;
}

/// Envoy wants priorities without gaps.
void close_gaps(ClusterLoadAssignment& assignment) {
  std::set<uint32_t> used;
  for (const auto& group : assignment.endpoints()) used.insert(group.priority());
  for (auto& group : *assignment.mutable_endpoints()) {
    const auto place = std::distance(used.begin(), used.find(group.priority()));
    group.set_priority(static_cast<uint32_t>(place));
  }
}

void order_by_distance(const LocalityBalancing& setting, const Place& own,
                       ClusterLoadAssignment& assignment) {
  constexpr uint32_t kDistances = 5;
  for (auto& group : *assignment.mutable_endpoints())
    group.set_priority(group.priority() * kDistances + distance(own, place_of(group), setting.failover));
}

}  // namespace

const LocalityBalancing* locality_balancing(const PolicySettings& policy) {
  static const LocalityBalancing kNear;
  if (policy.localities) return policy.localities->enabled ? &*policy.localities : nullptr;
  return policy.outlier_detection ? &kNear : nullptr;
}

uint32_t label_distance(const LocalityBalancing* setting, bool fails_over, const ProxyNode& node,
                        const Endpoint& endpoint) {
  if (setting == nullptr || !fails_over) return 0;
  const auto& order = setting->failover_priority;
  for (size_t i = 0; i < order.size(); ++i) {
    const size_t equals = order[i].find('=');
    const std::string name = order[i].substr(0, equals);
    const std::string wanted = equals == std::string::npos ? label_of(name, node.labels, node.locality)
                                                           : order[i].substr(equals + 1);
    if (label_of(name, endpoint.labels, endpoint.locality) != wanted)
      return static_cast<uint32_t>(order.size() - i);
  }
  return 0;
}

void order_localities(const LocalityBalancing& setting, bool fails_over, const ProxyNode& node,
                      ClusterLoadAssignment& assignment) {
  const Place own = parse_place(node.locality);
  if (!setting.distribute.empty()) {
    const auto rule = std::find_if(setting.distribute.begin(), setting.distribute.end(),
                                   [&](const auto& entry) { return is_at(own, parse_place(entry.from)); });
    if (rule != setting.distribute.end()) distribute(*rule, assignment);
    return;
  }
  if (!fails_over) return;
  if (setting.failover_priority.empty() || !setting.failover.empty())
    order_by_distance(setting, own, assignment);
  close_gaps(assignment);
}

}  // namespace remora::istio
