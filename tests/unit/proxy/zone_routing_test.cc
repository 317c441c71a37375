#include "upstream/zone_routing.h"

#include <gtest/gtest.h>

#include "remora/core/stats.h"
#include "stats/zone_stats.h"
#include "unit/proxy/balanced.h"

namespace remora {
namespace {

using test::at;

constexpr auto kBad = EndpointHealth::kUnhealthy;
constexpr auto kDegraded = EndpointHealth::kDegraded;

/// Endpoints numbered on from `first`: (zone, how many).
std::vector<Endpoint> in_zones(const std::vector<std::pair<std::string, int>>& zones, int first = 1) {
  std::vector<Endpoint> list;
  for (const auto& [name, count] : zones) {
    for (int i = 0; i < count; ++i) list.push_back(at(first++).zone(name));
  }
  return list;
}

/// A cluster as a proxy of zone "a" sees it, whose peers are the hosts of the local cluster.
struct Zones {
  StatsStore store{test::kShards};
  std::shared_ptr<StatScope> scope = store.make_scope(zone_stat_schema(), zone_scope_name("up"));
  Locality own{"region", "a", ""};
  HostSet local;
  ZoneAware settings;
  ClusterConfig config = test::config_of(LbPolicy::kRandom);
  Random random{5};
  test::HandClock clock;
  HostList hosts;
  std::unique_ptr<HostSet> set;

  Zones(const std::vector<Endpoint>& proxies, const std::vector<Endpoint>& endpoints, ZoneAware with = {})
      : local(test::hosts_of(proxies), {}, nullptr),
        settings(with),
        hosts(test::hosts_of(endpoints)) {
    BalancerSettings balancer;
    balancer.zones = settings;
    config.balancer = std::make_shared<const BalancerSettings>(balancer);
    ZoneRules zones{.settings = settings, .own = &own, .local = &local, .stats = &scope->block(0)};
    LoadRules rules;
    rules.zones = &zones;
    set = std::make_unique<HostSet>(hosts, rules, nullptr);
  }
  /// Each zone's part of many requests, in percent; "" is nobody.
  std::map<std::string, double> shares() {
    LbStats stats;
    stats.zones = &scope->block(test::kShard);
    LoadBalancer balancer(config, {test::kShard, random, clock}, stats);
    std::map<std::string, double> seen;
    for (int i = 0; i < 20000; ++i) {
      const Host* host = balancer.pick(*set, {});
      seen[host == nullptr ? "" : host->endpoint().locality->zone] += 1.0 / 200;
    }
    return seen;
  }
  void expect(const std::map<std::string, double>& wanted) {
    auto seen = shares();
    EXPECT_EQ(seen.size(), wanted.size());
    for (const auto& [zone, percent] : wanted) EXPECT_NEAR(seen[zone], percent, 1.5) << zone;
  }
  [[nodiscard]] uint64_t count(ZoneStat stat) const { return scope->value(stat); }
};

TEST(ZoneRouting, AllStayWhereTheirZoneHasRoom) {
  Zones zones(in_zones({{"a", 1}, {"b", 1}}), in_zones({{"a", 3}, {"b", 3}}));
  zones.expect({{"a", 100}});
  EXPECT_EQ(zones.count(kLbZoneRoutingAllDirectly), 20000u);
  EXPECT_EQ(zones.count(kLbRecalculateZoneStructures), 1u);
}

/// Half of the proxies are in a, a quarter of the hosts: half of the requests stay, the others go where hosts
/// are more than proxies.
TEST(ZoneRouting, WhatDoesNotFitGoesWhereThereIsRoom) {
  Zones zones(in_zones({{"a", 4}, {"b", 3}, {"c", 1}}), in_zones({{"a", 2}, {"b", 3}, {"c", 3}}));
  zones.expect({{"a", 50}, {"c", 50}});
  EXPECT_NEAR(static_cast<double>(zones.count(kLbZoneRoutingSampled)), 10000, 300);
  EXPECT_NEAR(static_cast<double>(zones.count(kLbZoneRoutingCrossZone)), 10000, 300);
}

TEST(ZoneRouting, WithoutHostsInTheOwnZoneOthersShareByTheirRoom) {
  Zones zones(in_zones({{"a", 2}, {"b", 2}}), in_zones({{"b", 6}, {"c", 2}}));
  zones.expect({{"b", 50}, {"c", 50}});  // b: 75 - 50 of 100, c: 25
}

TEST(ZoneRouting, RoomIsThatOfHealthyHosts) {
  auto endpoints = in_zones({{"a", 4}, {"b", 6}});
  for (int i = 0; i < 2; ++i) endpoints[i].health = kBad;
  ZoneAware settings;
  Zones zones(in_zones({{"a", 1}, {"b", 1}}), endpoints, settings);
  zones.expect({{"a", 50}, {"b", 50}});  // 25 of 100 where half of the proxies are
}

TEST(ZoneRouting, WeightsCountIfAsked) {
  auto endpoints = in_zones({{"a", 3}, {"b", 3}});
  for (int i = 3; i < 6; ++i) endpoints[i].weight = 3;
  Zones(in_zones({{"a", 1}, {"b", 1}}), endpoints).expect({{"a", 100}});
  ZoneAware settings;
  settings.by_weight = true;
  Zones(in_zones({{"a", 1}, {"b", 1}}), endpoints, settings).expect({{"a", 50}, {"b", 50}});
}

TEST(ZoneRouting, DegradedHostsAreOfTheirZone) {
  auto endpoints = in_zones({{"a", 4}, {"b", 4}});
  endpoints[0].health = kDegraded;
  Zones zones(in_zones({{"a", 1}, {"b", 1}}), endpoints);
  const auto& routing = *zones.set->levels().levels.front().zones;
  ASSERT_EQ(routing.zones.size(), 2u);
  EXPECT_EQ(routing.zones[0].degraded.hosts.size(), 1u);
  EXPECT_EQ(routing.zones[0].healthy.hosts.size(), 3u);
}

TEST(ZoneRouting, APartOfTheRequestsIfAsked) {
  ZoneAware settings;
  settings.routing_enabled = 40;
  Zones(in_zones({{"a", 1}, {"b", 1}}), in_zones({{"a", 3}, {"b", 3}}), settings)
      .expect({{"a", 70}, {"b", 30}});
}

TEST(ZoneRouting, SmallClustersAreNotDivided) {
  Zones zones(in_zones({{"a", 1}, {"b", 1}}), in_zones({{"a", 2}, {"b", 3}}));
  zones.expect({{"a", 40}, {"b", 60}});
  EXPECT_EQ(zones.count(kLbZoneClusterTooSmall), 1u);
  ZoneAware settings;
  settings.min_cluster_size = 5;
  Zones(in_zones({{"a", 1}, {"b", 1}}), in_zones({{"a", 3}, {"b", 2}}), settings).expect({{"a", 100}});
}

TEST(ZoneRouting, OneZoneIsNone) {
  Zones zones(in_zones({{"a", 1}, {"b", 1}}), in_zones({{"b", 8}}));
  zones.expect({{"b", 100}});
  EXPECT_EQ(zones.set->levels().levels.front().zones, nullptr);
  Zones alone(in_zones({{"a", 3}}), in_zones({{"a", 4}, {"b", 4}}));
  alone.expect({{"a", 50}, {"b", 50}});
}

TEST(ZoneRouting, WhoIsNotAmongTheProxiesDoesNotKnow) {
  Zones zones(in_zones({{"b", 1}, {"c", 1}}), in_zones({{"a", 4}, {"b", 4}}));
  zones.expect({{"a", 50}, {"b", 50}});
  EXPECT_EQ(zones.count(kLbLocalClusterNotOk), 1u);
}

TEST(ZoneRouting, TheOwnZoneCanBeForced) {
  ZoneAware settings;
  settings.force_local_zone = 2;
  // Even where all proxies are in one zone, and where it has too few hosts.
  Zones(in_zones({{"a", 5}}), in_zones({{"a", 2}, {"b", 6}}), settings).expect({{"a", 100}});
  Zones(in_zones({{"a", 5}}), in_zones({{"a", 1}, {"b", 7}}), settings).expect({{"a", 12.5}, {"b", 87.5}});
}

TEST(ZoneRouting, PanicOfTheProxiesSuspendsIt) {
  auto proxies = in_zones({{"a", 2}, {"b", 2}});
  for (int i = 1; i < 4; ++i) proxies[i].health = kBad;
  Zones zones(proxies, in_zones({{"a", 4}, {"b", 4}}));
  zones.expect({{"a", 50}, {"b", 50}});
  EXPECT_EQ(zones.count(kLbLocalClusterNotOk), 20000u);
  ZoneAware settings;
  settings.fail_traffic_on_panic = true;
  Zones(proxies, in_zones({{"a", 4}, {"b", 4}}), settings).expect({{"", 100}});
}

TEST(ZoneRouting, PanicFailsIfAsked) {
  auto endpoints = in_zones({{"a", 4}, {"b", 4}});
  for (int i = 1; i < 8; ++i) endpoints[i].health = kBad;
  Zones(in_zones({{"a", 1}, {"b", 1}}), endpoints).expect({{"a", 50}, {"b", 50}});
  ZoneAware settings;
  settings.fail_traffic_on_panic = true;
  Zones(in_zones({{"a", 1}, {"b", 1}}), endpoints, settings).expect({{"", 100}});
}

TEST(ZoneRouting, WithoutALocalClusterNothingChanges) {
  ZoneRules zones;
  Locality own{"region", "a", ""};
  StatsStore store(test::kShards);
  const auto scope = store.make_scope(zone_stat_schema(), zone_scope_name("up"));
  zones.own = &own;
  zones.stats = &scope->block(0);
  LoadRules rules;
  rules.zones = &zones;
  const HostSet set(test::hosts_of(in_zones({{"a", 4}, {"b", 4}})), rules, nullptr);
  EXPECT_EQ(set.levels().levels.front().zones, nullptr);
}

}  // namespace
}  // namespace remora
