#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "remora/config/cluster.h"
#include "upstream/host_set.h"

namespace remora {

class LoadBalancer;
struct LbContext;

/// The subsets of one HostSet: for each selector, one list of hosts per combination of values that its keys take in the
/// hosts' metadata ("envoy.lb"). Immutable, shared by all workers. Source: Envoy, load balancer subsets.
class SubsetIndex {
 public:
  /// Borrows the hosts. List ids count up from `next_id`.
  SubsetIndex(const std::vector<const Host*>& hosts, const LbSubset& config, const LoadRules& rules, uint32_t& next_id);
  ~SubsetIndex();

  /// The choice for `context`, with all fallbacks; null if none applies. No allocation.
  const Host* pick(LoadBalancer& balancer, const LbContext& context) const;

  /// How many subsets have hosts (lb_subsets_active).
  [[nodiscard]] size_t size() const { return size_; }
  /// How many hosts a single_host_per_subset selector left out (lb_subsets_single_host_per_subset_duplicate).
  [[nodiscard]] size_t duplicates() const { return duplicates_; }
  /// The names of the active subsets, for counting created and removed ones across updates. Sorted.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  struct Node;
  struct Builder;
  /// Keys (of a request) that count; null: all of them.
  using KeyFilter = const std::vector<std::string>*;

  const Host* pick_matching(LoadBalancer& balancer, const SubsetMatch& match, KeyFilter keys, bool& found) const;
  const Host* pick_fallback(LoadBalancer& balancer) const;
  const Node* find(const SubsetMatch& match, KeyFilter keys) const;
  const LbSubset::Selector* selector_for(const SubsetMatch& match, KeyFilter keys) const;

  std::vector<LbSubset::Selector> selectors_;
  LbSubset::Fallback fallback_;
  bool panic_mode_any_;
  std::unique_ptr<Node> root_;
  PriorityLevels any_;       // made only if some fallback can ask for it
  PriorityLevels default_;
  size_t size_ = 0;
  size_t duplicates_ = 0;
};

}  // namespace remora
