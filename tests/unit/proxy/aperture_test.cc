#include "upstream/aperture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "unit/proxy/balanced.h"
#include "unit/support/allocation_counter.h"
#include "upstream/peer_place.h"

namespace remora {
namespace {

using test::at;
using test::Balanced;
using test::config_of;

constexpr uint32_t kPeers[] = {2, 3, 7, 10, 13, 15, 24, 25, 100, 401};
constexpr size_t kHosts[] = {3, 12, 13, 20, 50, 97, 100, 1000};
constexpr uint32_t kLeast[] = {1, 2, 5, 12, 20};

/// All hosts where the aperture is everything.
std::vector<ApertureShare> shares_of(const std::vector<double>& weights, uint32_t hosts,
                                     const PeerPlace& place) {
  auto shares = open_aperture(weights, {hosts, place});
  if (!shares.empty()) return shares;
  for (size_t i = 0; i < weights.size(); ++i) shares.push_back({i, 1});
  return shares;
}

/// What each host gets, where every peer has requests worth 1.
std::vector<double> loads(const std::vector<double>& weights, uint32_t hosts, uint32_t peers) {
  std::vector<double> load(weights.size());
  for (uint32_t peer = 0; peer < peers; ++peer) {
    const auto shares = shares_of(weights, hosts, place_of(peer, peers));
    double sum = 0;
    for (const auto& share : shares) sum += weights[share.host] * share.part;
    for (const auto& share : shares) load[share.host] += weights[share.host] * share.part / sum;
  }
  return load;
}

template <typename Check>
void for_all(const Check& check) {
  for (const uint32_t peers : kPeers) {
    for (const size_t hosts : kHosts) {
      for (const uint32_t least : kLeast) {
        SCOPED_TRACE(testing::Message() << peers << " peers, " << hosts << " hosts, at least " << least);
        check(peers, hosts, least);
      }
    }
  }
}

TEST(Aperture, AllHostsGetTheSameOfAllPeers) {
  for_all([](uint32_t peers, size_t hosts, uint32_t least) {
    const double fair = static_cast<double>(peers) / static_cast<double>(hosts);
    for (const double load : loads(std::vector<double>(hosts, 1), least, peers))
      ASSERT_NEAR(load, fair, fair * 1e-5);
  });
}

TEST(Aperture, HostsGetTheirShareByWeight) {
  for_all([](uint32_t peers, size_t hosts, uint32_t least) {
    std::vector<double> weights;
    for (size_t i = 0; i < hosts; ++i) weights.push_back(1.0 + static_cast<double>(i * i % 7));
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    const auto load = loads(weights, least, peers);
    for (size_t i = 0; i < hosts; ++i)
      ASSERT_NEAR(load[i], peers * weights[i] / total, 1e-5 * peers * weights[i] / total);
  });
}

/// k of them, or as many as it takes that the peers reach all; and one more where the arc begins within one.
TEST(Aperture, IsNoWiderThanItHasToBe) {
  for_all([](uint32_t peers, size_t hosts, uint32_t least) {
    const size_t each = (hosts + peers - 1) / peers;
    const size_t wanted = std::min<size_t>(hosts, std::max<size_t>(least, each));
    for (uint32_t peer = 0; peer < peers; ++peer) {
      const auto shares = shares_of(std::vector<double>(hosts, 1), least, place_of(peer, peers));
      ASSERT_LE(shares.size(), wanted + 1);
      ASSERT_GE(shares.size(), std::min<size_t>(hosts, least));
    }
  });
}

TEST(Aperture, UnequalHostsAreNotFewerThanWanted) {
  for_all([](uint32_t peers, size_t hosts, uint32_t least) {
    std::vector<double> weights;
    for (size_t i = 0; i < hosts; ++i) weights.push_back(i % 5 == 0 ? 100 : 1);
    for (uint32_t peer = 0; peer < peers; ++peer)
      ASSERT_GE(shares_of(weights, least, place_of(peer, peers)).size(), std::min<size_t>(hosts, least));
  });
}

TEST(Aperture, WithoutPeersItIsTheWantedWidth) {
  for (const double offset : {0.0, 0.25, 0.333, 0.9999}) {
    const auto shares = open_aperture(std::vector<double>(100, 1), {12, {offset, 0, 0}});
    EXPECT_GE(shares.size(), 12u);
    EXPECT_LE(shares.size(), 13u);
    double sum = 0;
    for (const auto& share : shares) sum += share.part;
    EXPECT_NEAR(sum, 12, 1e-6);
  }
}

TEST(Aperture, SmallClustersAreSpokenToAsAWhole) {
  EXPECT_TRUE(open_aperture(std::vector<double>(12, 1), {12, place_of(3, 10)}).empty());
  EXPECT_TRUE(open_aperture(std::vector<double>(1000, 1), {12, place_of(0, 1)}).empty()) << "a single proxy";
  EXPECT_FALSE(open_aperture(std::vector<double>(13, 1), {12, place_of(3, 100)}).empty());
}

/// The numbers of the hosts that a proxy speaks to.
std::set<int> reached(const std::vector<Endpoint>& endpoints, const ApertureRules& rules) {
  const HostList hosts = test::hosts_of(endpoints);
  const HostSet set(hosts, {.aperture = &rules}, nullptr);
  std::set<int> numbers;
  for (const auto& entry : *set.reached()) numbers.insert(test::number_of(entry.first));
  return numbers;
}

size_t differing(const std::set<int>& a, const std::set<int>& b) {
  return static_cast<size_t>(std::ranges::count_if(a, [&](int number) { return !b.contains(number); }));
}

TEST(Aperture, AHostThatLeavesMovesFewOthers) {
  const auto all = test::endpoints(100);
  for (uint32_t peer = 0; peer < 30; ++peer) {
    const ApertureRules rules{12, place_of(peer, 30)};
    const auto before = reached(all, rules);
    for (size_t gone = 0; gone < all.size(); gone += 9) {
      auto less = all;
      less.erase(less.begin() + static_cast<std::ptrdiff_t>(gone));
      const auto after = reached(less, rules);
      EXPECT_LE(differing(after, before), 2u) << "peer " << peer << " without " << gone + 1;
      EXPECT_GE(after.size(), 12u);
    }
  }
}

TEST(Aperture, TheOrderOfTheListDoesNotMatter) {
  auto all = test::endpoints(60);
  const ApertureRules rules{5, place_of(3, 40)};
  const auto before = reached(all, rules);
  std::ranges::reverse(all);
  EXPECT_EQ(reached(all, rules), before);
}

/// It lies over those that can be used.
TEST(Aperture, UnhealthyHostsAreReplaced) {
  auto all = test::endpoints(40);
  const ApertureRules rules{6, place_of(7, 50)};
  for (const int number : reached(all, rules))
    all[static_cast<size_t>(number - 1)].health = EndpointHealth::kUnhealthy;
  const HostSet set(test::hosts_of(all), {.aperture = &rules}, nullptr);
  ASSERT_GE(set.reached()->size(), 6u);
  for (const auto& [host, part] : *set.reached()) EXPECT_EQ(host->health(), HostHealth::kHealthy);
  EXPECT_EQ(set.levels().levels.front().healthy_room, 100u) << "health is that of all hosts";
}

TEST(Aperture, InPanicItLiesOverAll) {
  auto all = test::endpoints(40);
  for (size_t i = 0; i < 30; ++i) all[i].health = EndpointHealth::kUnhealthy;
  const ApertureRules rules{6, place_of(7, 50)};
  const HostSet set(test::hosts_of(all), {.aperture = &rules}, nullptr);
  ASSERT_TRUE(set.levels().levels.front().panic);
  EXPECT_EQ(set.reached()->size(), set.levels().levels.front().all.aperture->hosts.size());
}

TEST(Aperture, EachLocalityWithAWeightHasItsOwn) {
  std::vector<Endpoint> all;
  for (int i = 1; i <= 20; ++i) all.push_back(at(i).zone("a"));
  for (int i = 21; i <= 40; ++i) all.push_back(at(i).zone("b"));
  const std::vector<LocalityWeight> weights = {{all.front().locality, 0, 1}, {all.back().locality, 0, 3}};
  const ApertureRules rules{4, place_of(7, 50)};
  Balanced balanced(config_of(LbPolicy::kRoundRobin), all, {.localities = &weights, .aperture = &rules});
  const auto counts = balanced.counts(4000);
  double in_a = 0;
  for (const auto& [number, count] : counts) in_a += number <= 20 ? count : 0;
  EXPECT_NEAR(in_a, 1000, 50);
  EXPECT_LE(counts.size(), 10u);
  EXPECT_GE(counts.size(), 8u);
}

constexpr LbPolicy kPolicies[] = {LbPolicy::kRoundRobin, LbPolicy::kLeastRequest,
                                  LbPolicy::kRandom,     LbPolicy::kPeakEwma,
                                  LbPolicy::kPrequal,    LbPolicy::kClientSideWeighted};

/// All peers together, by every policy: with nothing under way and nothing known of hosts, hosts get what
/// counts of them.
TEST(Aperture, EveryPolicyKeepsToItAndSpreadsItsLoad) {
  constexpr uint32_t kCount = 25;
  for (const LbPolicy policy : kPolicies) {
    std::map<int, double> seen;
    for (uint32_t peer = 0; peer < kCount; ++peer) {
      const ApertureRules rules{4, place_of(peer, kCount)};
      BalancerSettings settings;
      settings.latency.choice_count = 2;
      auto config = config_of(policy);
      config.balancer = std::make_shared<const BalancerSettings>(settings);
      Balanced balanced(config, test::endpoints(30), {.aperture = &rules});
      for (const auto& [number, count] : balanced.counts(3000)) {
        ASSERT_GT(balanced.set.reach(*balanced.hosts[static_cast<size_t>(number - 1)]), 0);
        seen[number] += count;
      }
    }
    ASSERT_EQ(seen.size(), 30u) << static_cast<int>(policy);
    const double fair = 3000.0 * kCount / 30;
    // Those that compare hosts prefer whom more counts of as long as nobody has anything under way.
    const bool compares = policy == LbPolicy::kPeakEwma || policy == LbPolicy::kPrequal;
    for (const auto& [number, count] : seen)
      EXPECT_NEAR(count, fair, fair * (compares ? 0.75 : 0.1)) << static_cast<int>(policy) << " " << number;
  }
}

TEST(Aperture, ChoosingAllocatesNothing) {
  for (const LbPolicy policy : kPolicies) {
    const ApertureRules rules{4, place_of(3, 25)};
    Balanced balanced(config_of(policy), test::endpoints(30), {.aperture = &rules});
    balanced.pick();
    const size_t before = test::allocations();
    for (int i = 0; i < 1000; ++i) balanced.pick();
    EXPECT_EQ(test::allocations() - before, 0u) << static_cast<int>(policy);
  }
}

NodeInfo node(const std::string& id, const std::string& addresses = "") {
  NodeInfo info;
  info.id = id;
  if (!addresses.empty()) info.metadata["INSTANCE_IPS"].value = addresses;
  return info;
}

TEST(PeerPlace, IsThatOfTheOwnAddress) {
  const HostList peers = test::hosts_of(test::endpoints(10));
  std::set<uint32_t> places;
  for (int i = 1; i <= 10; ++i) {
    const auto place =
        find_place(peers, node("sidecar~10.0.0." + std::to_string(i) + "~a.default~default.svc"));
    ASSERT_TRUE(place) << i;
    EXPECT_EQ(place->peers, 10u);
    EXPECT_DOUBLE_EQ(place->offset, place->peer / 10.0);
    places.insert(place->peer);
  }
  EXPECT_EQ(places.size(), 10u) << "each has one of its own";
  EXPECT_TRUE(find_place(peers, node("x", "fd00::1,10.0.0.4")));
  EXPECT_FALSE(find_place(peers, node("sidecar~10.0.0.77~a.default~default.svc")));
  EXPECT_FALSE(find_place(peers, node("")));
  EXPECT_FALSE(find_place({}, node("a")));
}

TEST(PeerPlace, IsThatOfTheOwnName) {
  auto list = test::endpoints(3);
  list[1].hostname = "me";
  EXPECT_TRUE(find_place(test::hosts_of(list), node("me")));
  list[2].hostname = "me";
  EXPECT_FALSE(find_place(test::hosts_of(list), node("me"))) << "which of the two?";
}

TEST(PeerPlace, CountsThoseOfTheOwnLocality) {
  std::vector<Endpoint> list;
  for (int i = 1; i <= 9; ++i) list.push_back(at(i).zone(i <= 3 ? "a" : "b"));
  EXPECT_EQ(find_place(test::hosts_of(list), node("x", "10.0.0.2"))->peers, 3u);
  EXPECT_EQ(find_place(test::hosts_of(list), node("x", "10.0.0.5"))->peers, 6u);
}

TEST(PeerPlace, ByHashIsAlwaysTheSame) {
  const auto place = place_by_hash("node-1");
  EXPECT_EQ(place, place_by_hash("node-1"));
  EXPECT_NE(place, place_by_hash("node-2"));
  EXPECT_EQ(place.peers, 0u);
  EXPECT_GE(place.offset, 0);
  EXPECT_LT(place.offset, 1);
}

}  // namespace
}  // namespace remora
