#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "remora/core/rare.h"
#include "upstream/host.h"

namespace remora {

class HashTable;
class SubsetIndex;
struct ApertureRules;
struct LocalityChoices;
struct ZoneRouting;
struct ZoneRules;

/// How much of the hosts of a list counts, one by one: in an aperture, hosts at its ends count in part.
struct HostParts {
  std::vector<double> each;          ///< of the host's weight, above 0 to 1
  std::vector<double> shares_until;  ///< sums of the parts of the weights up to each host, itself included
};

/// Hosts to choose from, in the order of the configuration. `id` is dense within one HostSet: workers keep
/// their place in each list (round robin, schedules) under it.
struct HostChoices {
  std::vector<const Host*> hosts;
  bool equal_weights = true;
  uint32_t id = 0;
  /// When the last of them leaves slow start; long ago where there is none.
  MonotonicTime slow_until{};
  Rare<HostParts> parts;  ///< empty: all of each host's weight counts
  /// Those of `hosts` that this proxy speaks to; empty: all of them.
  Rare<HostChoices> aperture;

  [[nodiscard]] bool empty() const { return hosts.empty(); }
  [[nodiscard]] double part(size_t place) const { return parts ? parts->each[place] : 1; }
  [[nodiscard]] const HostChoices& open() const { return aperture ? *aperture : *this; }
};

/// Hosts that requests can go to, and how much of each counts.
using ReachedHosts = std::unordered_map<const Host*, double>;

/// One priority's hosts by health, and the share of requests it gets.
/// Source: Envoy, priority levels, degraded endpoints and panic threshold.
struct PriorityLevel {
  HostChoices all;
  HostChoices healthy;
  RareValue<HostChoices> degraded;
  uint32_t healthy_load = 0;   ///< percent of all requests
  uint32_t degraded_load = 0;  ///< percent; both over all levels sum up to 100
  // How much of all requests it could take, from 0 to 100.
  uint32_t healthy_room = 0;
  uint32_t degraded_room = 0;
  size_t size = 0;        ///< hosts of `all`
  size_t usable = 0;      ///< hosts that are healthy or degraded
  uint32_t excluded = 0;  ///< hosts of `all` that the shares do not count
  bool panic = false;     ///< too few hosts are available: all of them are used
  /// Where hosts are chosen by hash: of the healthy hosts, or in panic of all; null if that is nobody.
  std::shared_ptr<const HashTable> table;
  /// The same hosts by locality; null where localities have no weights, then `healthy` or `degraded` itself
  /// is chosen from.
  std::shared_ptr<const LocalityChoices> healthy_localities;
  std::shared_ptr<const LocalityChoices> degraded_localities;
  /// Null where requests do not stay in zones: the same hosts are chosen wherever they are.
  std::shared_ptr<const ZoneRouting> zones;
};

/// The levels of one choice (a whole cluster, or one subset of it) with their loads. Never without a level.
struct PriorityLevels {
  std::vector<PriorityLevel> levels;
  [[nodiscard]] bool has_hosts() const;
};

/// Which shares the levels get, and how hashes are spread within one. Percentages, as in ClusterConfig and
/// EndpointSet.
struct LoadRules {
  uint32_t panic_threshold = 50;
  uint32_t overprovisioning = 140;
  const ConsistentHash* hashing = nullptr;  ///< null: hosts are not chosen by hash
  /// Null: hosts are not chosen by locality.
  const std::vector<LocalityWeight>* localities = nullptr;
  bool subset_localities = false;           ///< the same within subsets
  const ZoneRules* zones = nullptr;         ///< null: there is no local cluster
  Milliseconds slow_start_window{0};        ///< 0: there is no slow start
  const ApertureRules* aperture = nullptr;  ///< null: all hosts are spoken to
  ReachedHosts* reached = nullptr;          ///< where to note who is; null: nobody asks
  uint32_t drop_per_million = 0;            ///< of requests that hosts are spared
};

/// What is to know of a list whose hosts are there, the aperture aside.
void describe(HostChoices& choices, const LoadRules& rules, uint32_t& next_id);
/// All that is to know of it.
void finish(HostChoices& choices, const LoadRules& rules, uint32_t& next_id);

/// Whether fewer of the level's hosts can be used than `threshold` percent.
bool is_in_panic(const PriorityLevel& level, uint32_t threshold);

/// Sorts `hosts` by priority and health and computes the loads. List ids count up from `next_id`.
PriorityLevels make_levels(const std::vector<const Host*>& hosts, const LoadRules& rules, uint32_t& next_id);

/// Gives each level its share, from what it could take and how many hosts it has.
void share_load(std::vector<PriorityLevel>& levels, uint32_t panic_threshold);

/// All hosts of one cluster at one moment: immutable, made on the main thread at every change of membership,
/// health or weight, given to all workers. O(hosts of that cluster) to make.
class HostSet {
 public:
  /// `subset`: the cluster's lb_subset_config, or null.
  HostSet(HostList hosts, const LoadRules& rules, const LbSubset* subset);
  ~HostSet();

  [[nodiscard]] const HostList& hosts() const { return hosts_; }
  [[nodiscard]] const PriorityLevels& levels() const { return levels_; }
  /// Null without lb_subset_config.
  [[nodiscard]] const SubsetIndex* subsets() const { return subsets_.get(); }
  /// How many HostChoices there are, with those of subsets.
  [[nodiscard]] uint32_t choices() const { return choices_; }
  /// Unique per HostSet in this process: workers notice a new one by it.
  [[nodiscard]] uint64_t generation() const { return generation_; }

  /// Which share of requests its owner wants the hosts to be spared (drop_overloads).
  [[nodiscard]] uint32_t drop_per_million() const { return drop_per_million_; }

  // For membership_* gauges.
  [[nodiscard]] size_t healthy() const { return healthy_; }
  [[nodiscard]] size_t degraded() const { return degraded_; }
  [[nodiscard]] size_t excluded() const { return excluded_; }
  [[nodiscard]] uint32_t max_weight() const { return max_weight_; }

  /// With an aperture: who is in it; null: everybody.
  [[nodiscard]] const ReachedHosts* reached() const { return reached_.get(); }
  /// How much of the host counts: 0 to 1.
  [[nodiscard]] double reach(const Host& host) const;

 private:
  HostList hosts_;
  PriorityLevels levels_;
  std::unique_ptr<const SubsetIndex> subsets_;
  uint32_t choices_ = 0;
  uint64_t generation_;
  size_t healthy_ = 0;
  size_t degraded_ = 0;
  size_t excluded_ = 0;
  uint32_t max_weight_ = 0;
  uint32_t drop_per_million_ = 0;
  Rare<ReachedHosts> reached_;
};

}  // namespace remora
