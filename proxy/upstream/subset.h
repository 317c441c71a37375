#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "remora/config/cluster.h"
#include "upstream/host_set.h"

namespace remora {

class LoadBalancer;
struct LbContext;

/// The subsets of one HostSet: for each selector, one list of hosts per combination of values that its keys
/// take in the hosts' metadata ("envoy.lb"). Immutable, shared by all workers. Source: Envoy, load balancer
/// subsets.
class SubsetIndex {
 public:
  /// Borrows the hosts. List ids count up from `next_id`.
  SubsetIndex(const std::vector<const Host*>& hosts, const LbSubset& config, const LoadRules& rules,
              uint32_t& next_id);
  ~SubsetIndex();

  /// The choice for `context`, with all fallbacks; null if none applies. No allocation.
  const Host* pick(LoadBalancer& balancer, const LbContext& context) const;

  /// The same choice, as far as it does not depend on the balancer: which hosts it would be made from, and
  /// why these.
  struct Explained {
    const PriorityLevels* levels = nullptr;  ///< null: `single`, or nobody
    const Host* single = nullptr;            ///< single_host_per_subset
    std::string why;                         ///< "subset version=v1", "fallback ANY_ENDPOINT", ...
  };
  [[nodiscard]] Explained explain(const SubsetMatch& wanted) const;

  /// How many subsets there are (lb_subsets_active); each has hosts.
  [[nodiscard]] size_t size() const;
  /// How many hosts a single_host_per_subset selector left out (lb_subsets_single_host_per_subset_duplicate).
  [[nodiscard]] size_t duplicates() const { return duplicates_; }
  /// The subsets' names ("stage=prod,version=v1"), sorted: what an update created and removed is their
  /// difference.
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  struct Group;
  struct Subset;
  struct Builder;
  class Criteria;

  void add_group(const LbSubset::Selector& selector, const std::vector<const Host*>& hosts, bool list_as_any,
                 const LoadRules& rules, uint32_t& next_id);
  static std::string name_of(const Group& group, const Subset& subset);
  struct BalancerPick;
  struct ExplainPick;
  template <typename Picker>
  const Host* pick_by(Picker picker, const Criteria& criteria) const;
  template <typename Picker>
  const Host* pick_fallback(Picker picker) const;

  std::vector<Group> groups_;  // one per selector
  LbSubset::Fallback fallback_;
  bool panic_mode_any_;
  PriorityLevels any_;      // made only if some fallback can ask for it
  PriorityLevels default_;  // likewise
  size_t duplicates_ = 0;
};

}  // namespace remora
