#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/core/random.h"
#include "upstream/first_words.h"
#include "upstream/host_picker.h"
#include "upstream/locality_turns.h"

namespace remora {

class BoundedLoad;
struct ConnectionOrigin;
class DownstreamPools;
class Foreseen;
class HeaderMap;
class StatBlock;
class StatScope;
struct RetryPolicy;
enum class Protocol : uint8_t;

/// Where a load balancer counts: a worker's block of the cluster's scope, and the indices in its schema.
struct LbStats {
  StatBlock* block = nullptr;         ///< null: nowhere
  size_t healthy_panic = 0;           ///< lb_healthy_panic
  size_t subsets_selected = 0;        ///< lb_subsets_selected
  size_t subsets_fallback = 0;        ///< lb_subsets_fallback
  size_t subsets_fallback_panic = 0;  ///< lb_subsets_fallback_panic
  const StatScope* scope = nullptr;   ///< the cluster's; null: none of its requests are under way
  size_t rq_active = 0;               ///< upstream_rq_active
  StatBlock* zones = nullptr;         ///< zone_stat_schema(); null: there is no local cluster
};

/// A priority, and which of its hosts.
struct LevelChoice {
  uint32_t priority = 0;
  bool degraded = false;
};

/// What one choice depends on.
struct LbContext {
  /// The route's metadata_match, sorted by key; null or empty: none. With weighted clusters: both levels
  /// merged.
  const SubsetMatch* subset = nullptr;
  /// Hosts that earlier attempts used; avoided as long as `attempts` lasts (retry_host_predicate
  /// previous_hosts).
  std::span<const HostState* const> tried{};
  /// What else another attempt avoids: omit_canary_hosts, omit_host_metadata; null: nothing.
  const RetryPolicy* avoid = nullptr;
  /// host_selection_retry_max_attempts: how often another host is drawn when one came that is to be avoided.
  uint32_t attempts = 0;
  /// Priorities that earlier attempts used and that this one leaves out (retry_priority); emptied when no
  /// other has hosts. Null: none.
  std::vector<uint32_t>* left_out = nullptr;
  /// Chosen already, by an aggregate cluster.
  std::optional<LevelChoice> level{};
  /// Of the request, for ring_hash and maglev; none: any host.
  std::optional<uint64_t> hash{};
  // Not for the host, but for its pool: what the request came in (use_downstream_protocol_config), and whom
  // it asks for (auto_sni, auto_san_validation); null: nobody.
  Protocol protocol{};
  bool tcp = false;  ///< a tunnel whose upstream speaks TCP
  const HeaderMap* request = nullptr;
  /// Of the downstream connection; null: it was not redirected and speaks for itself.
  const ConnectionOrigin* origin = nullptr;
  /// Of the downstream connection, for clusters that keep connections for each one alone; null: there is
  /// none.
  DownstreamPools* own_pools = nullptr;
  /// Of the downstream connection, for hosts that are told them.
  DownstreamEnds ends{};
};

/// Chooses hosts of one cluster on one worker: a level, by priorities, health and panic, perhaps one of its
/// localities or a subset, and there a host by the policy, or by the request's hash. Not thread-safe. No
/// allocation per choice; the first one after a new HostSet may make schedules. Source: Envoy, load
/// balancers.
class LoadBalancer {
 public:
  LoadBalancer(const ClusterConfig& config, const PickerContext& context, LbStats stats);
  ~LoadBalancer();

  /// Null when there is nothing to choose. The Host lives as long as `hosts`.
  const Host* pick(const HostSet& hosts, const LbContext& context);
  /// Whom the next request but those foreseen already will get; null: that cannot be known, or it is one for
  /// each healthy host already. Only policies that do not look at the request or at the load are foreseen.
  /// Source: Envoy, peekAnotherHost.
  const Host* foresee(const HostSet& hosts);
  /// Only a priority, by the shares of the levels. `left_out`: of LbContext.
  LevelChoice pick_priority(const PriorityLevels& levels, std::vector<uint32_t>* left_out);

 private:
  friend class SubsetIndex;
  static bool is_to_be_avoided(const Host& host, const LbContext& context);
  void adopt(const HostSet& hosts);
  const Host* take_foreseen(const HostSet& hosts, const LbContext& context);
  const Host* pick_once(const HostSet& hosts, const LbContext& context);
  const Host* pick_from(const PriorityLevels& levels);
  /// A level, and which of its hosts.
  struct Level {
    const PriorityLevel* level;
    bool degraded;
  };
  Level pick_wanted_level(const std::vector<PriorityLevel>& levels);
  Level pick_level(const std::vector<PriorityLevel>& levels);
  std::optional<Level> pick_other_level(const std::vector<PriorityLevel>& levels);
  const Host* pick_hashed(const PriorityLevel& level);
  const HostChoices* choices_of(const Level& chosen);
  void count(size_t LbStats::*stat);

  LbStats stats_;
  Random& random_;
  uint64_t generation_ = 0;
  std::unique_ptr<HostPicker> picker_;  // null: by hash
  LocalityTurns localities_;
  std::unique_ptr<Foreseen> foreseen_;  // null: nothing is
  bool foreseeable_ = false;            // requests come that get whom was foreseen
  bool hashed_;
  bool fail_in_panic_;
  std::unique_ptr<BoundedLoad> bounded_;  // null: hosts may have any load
  // Of the choice under way.
  uint64_t hash_ = 0;
  uint32_t attempt_ = 0;
  std::vector<uint32_t>* left_out_ = nullptr;
  std::optional<LevelChoice> given_;
};

}  // namespace remora
