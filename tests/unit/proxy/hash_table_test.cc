#include "upstream/hash_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "core/hash.h"
#include "remora/core/random.h"
#include "unit/proxy/hosts.h"
#include "unit/support/allocation_counter.h"
#include "unit/support/hand_clock.h"
#include "upstream/load_balancer.h"

namespace remora {
namespace {

using test::at;

ConsistentHash ring(uint64_t least = 1024, uint64_t most = 8 * 1024 * 1024) {
  ConsistentHash config;
  config.minimum_ring_size = least;
  config.maximum_ring_size = most;
  return config;
}

ConsistentHash maglev(uint64_t size = 65537) {
  ConsistentHash config;
  config.maglev = true;
  config.table_size = size;
  return config;
}

struct Table {
  HostList hosts;
  std::shared_ptr<const HashTable> table;

  Table(const std::vector<Endpoint>& endpoints, const ConsistentHash& config)
      : hosts(test::hosts_of(endpoints)) {
    std::vector<const Host*> borrowed;
    for (const auto& host : hosts) borrowed.push_back(host.get());
    table = HashTable::make(borrowed, config);
  }
  int operator()(uint64_t hash, uint32_t attempt = 0) const {
    return test::number_of(table->members()[table->find(hash, attempt)].host);
  }
};

/// A ring by its definition: the owner of the least point that is not below a hash.
struct Definition {
  std::map<uint64_t, int> points;

  Definition(const std::vector<Endpoint>& endpoints, int points_each) {
    for (size_t i = 0; i < endpoints.size(); ++i) {
      for (int point = 0; point < points_each; ++point)
        points[xx_hash64(endpoints[i].address_text + "_" + std::to_string(point))] = static_cast<int>(i) + 1;
    }
  }
  int operator()(uint64_t hash) const {
    const auto next = points.lower_bound(hash);
    return (next == points.end() ? points.begin() : next)->second;
  }
};

TEST(HashTable, RingFollowsItsDefinition) {
  const auto endpoints = test::endpoints(8);
  const Table table(endpoints, ring(1024));
  const Definition definition(endpoints, 128);
  EXPECT_EQ(table.table->spread().size, 1024U);
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    const uint64_t hash = random.next();
    ASSERT_EQ(table(hash), definition(hash)) << hash;
  }
  EXPECT_EQ(table(0), definition(0));
  EXPECT_EQ(table(UINT64_MAX), definition(UINT64_MAX));
}

TEST(HashTable, RingSharesByWeightAndKeepsItsLimits) {
  const Table weighted({at(1), at(2).weight(3)}, ring(4, 1000));
  EXPECT_EQ(weighted.table->spread().size, 4U);
  EXPECT_EQ(weighted.table->spread().fewest, 1U);
  EXPECT_EQ(weighted.table->spread().most, 3U);
  const Table limited(test::endpoints(4), ring(1, 6));  // 1.5 points each
  EXPECT_EQ(limited.table->spread().size, 4U);
  const Table cut({at(1), at(2).weight(1000)}, ring(1024, 10));
  EXPECT_EQ(cut.table->spread().size, 10U);
  EXPECT_EQ(cut.table->spread().fewest, 1U);
}

TEST(HashTable, MaglevSharesByWeight) {
  const Table even(test::endpoints(10), maglev(1009));
  EXPECT_EQ(even.table->spread().fewest, 100U);
  EXPECT_EQ(even.table->spread().most, 101U);
  const Table weighted({at(1), at(2).weight(3)}, maglev(1009));
  EXPECT_NEAR(static_cast<double>(weighted.table->spread().fewest), 252, 2);
}

TEST(HashTable, MaglevDoesNotDependOnTheOrderOfHosts) {
  auto endpoints = test::endpoints(20);
  const Table one(endpoints, maglev(1009));
  std::reverse(endpoints.begin(), endpoints.end());
  const Table other(endpoints, maglev(1009));
  for (uint64_t hash = 0; hash < 1009; ++hash) ASSERT_EQ(one(hash), other(hash));
}

TEST(HashTable, MaglevHoldsManyHosts) {
  const Table table(test::endpoints(300), maglev(65537));  // more than a byte can number
  std::map<int, int> seen;
  for (uint64_t hash = 0; hash < 65537; ++hash) ++seen[table(hash)];
  EXPECT_EQ(seen.size(), 300U);
  for (const auto& [host, count] : seen) EXPECT_NEAR(count, 65537.0 / 300, 2) << host;
}

TEST(HashTable, MostHashesKeepTheirHostWhenOneLeaves) {
  for (const auto& config : {ring(), maglev()}) {
    const Table before(test::endpoints(10), config);
    const Table after(test::endpoints(9), config);
    Random random(3);
    int moved = 0;
    int lost = 0;
    for (int i = 0; i < 2000; ++i) {
      const uint64_t hash = random.next();
      const int host = before(hash);
      lost += host == 10 ? 1 : 0;
      moved += host != 10 && after(hash) != host ? 1 : 0;
    }
    EXPECT_NEAR(lost, 200, 80);
    EXPECT_LE(moved, 200) << "maglev " << config.maglev;
  }
}

TEST(HashTable, MetadataAndHostnamesStandForHosts) {
  auto named = test::endpoints(2);
  named[0].hostname = "a.local";
  named[1].hostname = "b.local";
  auto by_name = ring(256);
  by_name.use_hostname = true;
  const Table names(named, by_name);
  // The same names at other addresses: the same table.
  std::vector<Endpoint> moved = {at(11), at(12)};
  moved[0].hostname = "a.local";
  moved[1].hostname = "b.local";
  const Table elsewhere(moved, by_name);
  const Table keys({at(21).label("hash_key", {std::string("a.local")}),
                    at(22).label("hash_key", {std::string("b.local")})},
                   ring(256));
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    const uint64_t hash = random.next();
    ASSERT_EQ(elsewhere(hash), names(hash) + 10);
    ASSERT_EQ(keys(hash), names(hash) + 20);
  }
}

TEST(HashTable, NobodyHasNoTable) {
  EXPECT_EQ(HashTable::make({}, ring()), nullptr);
  EXPECT_EQ(HashTable::make({}, maglev()), nullptr);
}

// ---------------------------------------------------------------------------------------- in the balancer

struct Hashed {
  ClusterConfig config;
  Random random{7};
  test::HandClock clock;
  std::unique_ptr<LoadBalancer> balancer;
  HostList hosts;
  std::unique_ptr<HostSet> set;

  Hashed(const ConsistentHash& hash, const std::vector<Endpoint>& endpoints)
      : hosts(test::hosts_of(endpoints)) {
    config.lb_policy = hash.maglev ? LbPolicy::kMaglev : LbPolicy::kRingHash;
    config.consistent_hash = hash;
    balancer = std::make_unique<LoadBalancer>(config, PickerContext{1, random, clock}, LbStats());
    LoadRules rules;
    rules.hashing = &*config.consistent_hash;
    set = std::make_unique<HostSet>(hosts, rules, nullptr);
  }
  int pick(uint64_t hash) {
    LbContext context;
    context.hash = hash;
    return test::number_of(balancer->pick(*set, context));
  }
};

TEST(HashTable, RequestsWithoutAHashGoAnywhere) {
  for (const auto& config : {ring(), maglev()}) {
    Hashed hashed(config, test::endpoints(3));
    std::map<int, int> seen;
    for (int i = 0; i < 300; ++i) ++seen[test::number_of(hashed.balancer->pick(*hashed.set, {}))];
    EXPECT_EQ(seen.size(), 3U);
  }
}

TEST(HashTable, RetriesGoToOtherHosts) {
  for (const auto& config : {ring(), maglev()}) {
    Hashed hashed(config, test::endpoints(5));
    Random random(9);
    int same = 0;
    for (int i = 0; i < 200; ++i) {
      LbContext context;
      context.hash = random.next();
      const Host* first = hashed.balancer->pick(*hashed.set, context);
      const HostState* tried[] = {&first->state()};
      context.tried = tried;
      context.attempts = 5;
      same += hashed.balancer->pick(*hashed.set, context) == first ? 1 : 0;
    }
    EXPECT_LE(same, 3);
  }
}

TEST(HashTable, UnhealthyHostsAreNotInIt) {
  for (const auto& config : {ring(), maglev()}) {
    Hashed hashed(config, {at(1), at(2).health(EndpointHealth::kUnhealthy), at(3), at(4)});
    for (uint64_t i = 0; i < 200; ++i) EXPECT_NE(hashed.pick(xx_hash64("k" + std::to_string(i))), 2);
  }
}

TEST(HashTable, PrioritiesShareHashes) {
  // 100 % of 140 % overprovisioning: half of P0 is healthy, so it gets 70 of 100 hashes.
  Hashed hashed(ring(),
                {at(1), at(2).health(EndpointHealth::kUnhealthy), at(3).priority(1), at(4).priority(1)});
  for (uint64_t hash = 0; hash < 100; ++hash) {
    EXPECT_EQ(hashed.pick(hash) == 1, hash < 70) << hash;
  }
}

TEST(HashTable, ChoosingAllocatesNothing) {
  for (auto config : {ring(), maglev()}) {
    config.hash_balance_factor = 120;
    Hashed hashed(config, test::endpoints(5));
    for (const auto& host : hashed.hosts) host->state().stats(1).rq_active.add(100);
    hashed.pick(1);
    const size_t before = test::allocations();
    for (uint64_t i = 0; i < 1000; ++i) hashed.pick(i * 0x9e3779b97f4a7c15);
    EXPECT_EQ(test::allocations(), before);
  }
}

TEST(HashTable, BoundedLoadPassesAnOverloadedHostBy) {
  auto config = ring();
  config.hash_balance_factor = 120;
  Hashed hashed(config, test::endpoints(4));
  const uint64_t hash = 12345;
  const int owner = hashed.pick(hash);
  const auto& busy = hashed.hosts[static_cast<size_t>(owner) - 1];
  busy->state().stats(1).rq_active.add(2);  // it may have one: nothing is under way elsewhere
  const int other = hashed.pick(hash);
  EXPECT_NE(other, owner);
  EXPECT_EQ(hashed.pick(hash), other) << "the same hash is passed to the same host";
  busy->state().stats(1).rq_active.sub(1);
  EXPECT_EQ(hashed.pick(hash), owner);
}

TEST(HashTable, WhereAllAreOverloadedTheLeastIsTaken) {
  auto config = ring();
  config.hash_balance_factor = 100;
  Hashed hashed(config, test::endpoints(4));
  for (size_t i = 0; i < 4; ++i) hashed.hosts[i]->state().stats(1).rq_active.add(i == 2 ? 5 : 9);
  for (uint64_t i = 0; i < 50; ++i) EXPECT_EQ(hashed.pick(xx_hash64(std::to_string(i))), 3);
}

}  // namespace
}  // namespace remora
