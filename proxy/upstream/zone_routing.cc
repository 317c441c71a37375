#include "upstream/zone_routing.h"

#include <algorithm>

#include "remora/core/random.h"
#include "remora/core/stats.h"
#include "stats/zone_stats.h"
#include "upstream/by_locality.h"

namespace remora {
namespace {

constexpr uint64_t kWhole = 10000;

/// How much hosts count for: each as one, or by weight.
uint64_t size_of(const std::vector<const Host*>& hosts, bool by_weight) {
  if (!by_weight) return hosts.size();
  uint64_t sum = 0;
  for (const Host* host : hosts) sum += host->weight();
  return sum;
}

/// Parts of 10000.
class Shares {
 public:
  Shares(const std::vector<const Host*>& hosts, bool by_weight)
      : groups_(by_locality(hosts)),
        by_weight_(by_weight),
        total_(size_of(hosts, by_weight)) {}
  [[nodiscard]] uint64_t of(const Locality& locality) const {
    const auto found = groups_.find(&locality);
    return found == groups_.end() || total_ == 0 ? 0 : kWhole * size_of(found->second, by_weight_) / total_;
  }
  [[nodiscard]] std::vector<const Host*> hosts(const Locality& locality) const {
    const auto found = groups_.find(&locality);
    return found == groups_.end() ? std::vector<const Host*>() : found->second;
  }

 private:
  ByLocality<std::vector<const Host*>> groups_;
  bool by_weight_;
  uint64_t total_;
};

/// Whether zones count at all.
bool applies(const PriorityLevel& level, const PriorityLevel& local, const ZoneRules& rules) {
  if (by_locality(level.all.hosts).size() < 2) return false;
  const auto proxies = by_locality(local.all.hosts);
  if (proxies.size() < 2 && !rules.settings.force_local_zone) return false;
  if (*rules.own == *no_locality() || !proxies.contains(rules.own)) {
    rules.stats->add(kLbLocalClusterNotOk);
    return false;
  }
  if (level.healthy.hosts.size() < rules.settings.min_cluster_size) {
    rules.stats->add(kLbZoneClusterTooSmall);
    return false;
  }
  return true;
}

/// All localities that have hosts, well or not; the proxy's own first.
std::vector<const Locality*> in_order(const std::vector<const Host*>& hosts, const Locality& own) {
  std::vector<const Locality*> order;
  for (const auto& [locality, of_it] : by_locality(hosts))
    order.insert(*locality == own ? order.begin() : order.end(), locality);
  return order;
}

}  // namespace

std::shared_ptr<const ZoneRouting> make_zone_routing(const PriorityLevel& level, const LoadRules& rules,
                                                     uint32_t& next_id) {
  const ZoneRules& zones = *rules.zones;
  zones.stats->add(kLbRecalculateZoneStructures);
  if (zones.local == nullptr) return nullptr;
  const PriorityLevel& local = zones.local->levels().levels.front();
  if (!applies(level, local, zones)) return nullptr;
  const bool by_weight = zones.settings.by_weight;
  const Shares hosts(level.healthy.hosts, by_weight);
  const Shares degraded(level.degraded->hosts, by_weight);
  const Shares proxies(local.healthy.hosts, by_weight);

  ZoneRouting made;
  made.enabled_percent = zones.settings.routing_enabled;
  made.local_in_panic = is_in_panic(local, rules.panic_threshold);
  uint64_t room = 0;
  for (const Locality* locality : in_order(level.all.hosts, *zones.own)) {
    auto& zone = made.zones.emplace_back();
    zone.healthy.hosts = hosts.hosts(*locality);
    zone.degraded.hosts = degraded.hosts(*locality);
    finish(zone.healthy, rules, next_id);
    finish(zone.degraded, rules, next_id);
    const uint64_t has = hosts.of(*locality);
    const uint64_t needs = has == 0 ? 0 : proxies.of(*locality);
    if (*locality == *zones.own) {
      const auto& force = zones.settings.force_local_zone;
      made.direct = (has > 0 && has >= needs) || (force && zone.healthy.hosts.size() >= *force);
      made.local_share = needs > 0 ? has * kWhole / needs : 0;
    } else {
      room += has > needs ? has - needs : 0;
    }
    zone.room_until = room;
  }
  return std::make_shared<const ZoneRouting>(std::move(made));
}

ZoneChoice choose_zone(const ZoneRouting& routing, bool degraded, Random& random, StatBlock& stats) {
  if (routing.enabled_percent < 100 && random.below(100) >= routing.enabled_percent) return {};
  if (routing.local_in_panic) {
    stats.add(kLbLocalClusterNotOk);
    return {.local_in_panic = true};
  }
  const auto& zones = routing.zones;
  const auto in = [&](size_t place) {
    return ZoneChoice{degraded ? &zones[place].degraded : &zones[place].healthy};
  };
  if (routing.direct) {
    stats.add(kLbZoneRoutingAllDirectly);
    return in(0);
  }
  if (random.below(kWhole) < routing.local_share) {
    stats.add(kLbZoneRoutingSampled);
    return in(0);
  }
  stats.add(kLbZoneRoutingCrossZone);
  const uint64_t room = zones.back().room_until;
  if (room == 0) {  // rounding has taken what there was
    stats.add(kLbZoneNoCapacityLeft);
    return in(random.below(zones.size()));
  }
  const uint64_t point = random.below(room);
  const auto found = std::ranges::find_if(zones, [&](const auto& zone) { return point < zone.room_until; });
  return in(static_cast<size_t>(found - zones.begin()));
}

}  // namespace remora
