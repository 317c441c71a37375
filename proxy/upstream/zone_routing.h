#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "remora/config/balancer.h"
#include "upstream/host_set.h"

namespace remora {

class Random;
class StatBlock;

/// What the zones of a cluster's requests depend on, beside the cluster itself. Borrowed.
struct ZoneRules {
  ZoneAware settings;
  const Locality* own = nullptr;   ///< where this proxy is
  const HostSet* local = nullptr;  ///< the local cluster: this proxy and those that are like it
  StatBlock* stats = nullptr;      ///< zone_stat_schema()
};

/// How requests for the first priority of a cluster stay in the zone of their proxy, as far as each zone's
/// part of the proxies goes with its part of the hosts. Immutable.
struct ZoneRouting {
  struct Zone {
    HostChoices healthy;
    HostChoices degraded;
    /// What this zone and those before it can take from others: their part of the hosts less their part of
    /// the proxies, in 1/10000.
    uint64_t room_until = 0;
  };
  std::vector<Zone> zones;   // at least two; that of the proxy first, if there are hosts in it
  bool direct = false;       // all requests stay
  uint64_t local_share = 0;  // else so many of 10000
  uint32_t enabled_percent = 100;
  bool local_in_panic = false;
};

/// Null where zones do not count: fewer than two of them, or too few hosts. Counts why. Source: Envoy, zone
/// aware routing.
std::shared_ptr<const ZoneRouting> make_zone_routing(const PriorityLevel& level, const LoadRules& rules,
                                                     uint32_t& next_id);

/// The hosts for the next request; null: this one does not go by zones, or fails if the setting says so.
struct ZoneChoice {
  const HostChoices* hosts = nullptr;
  bool local_in_panic = false;
};
ZoneChoice choose_zone(const ZoneRouting& routing, bool degraded, Random& random, StatBlock& stats);

}  // namespace remora
