#include "upstream/localities.h"

#include <gtest/gtest.h>

#include "unit/proxy/balanced.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using test::at;
using test::Balanced;
using test::config_of;

constexpr auto kBad = EndpointHealth::kUnhealthy;

LocalityWeight zone(const std::string& name, uint32_t weight, uint32_t priority = 0) {
  return {std::make_shared<const Locality>(Locality{"region", name, ""}), priority, weight};
}

/// What is chosen by locality, then in turns.
struct Localities {
  std::vector<LocalityWeight> weights;
  Balanced balanced;

  Localities(std::vector<LocalityWeight> of, const std::vector<Endpoint>& endpoints, LoadRules rules = {})
      : weights(std::move(of)),
        balanced(config_of(LbPolicy::kRoundRobin), endpoints, with(rules)) {}
  LoadRules with(LoadRules rules) const {
    rules.localities = &weights;
    return rules;
  }
  /// Each host's part of many choices, in percent.
  std::map<int, double> shares() {
    auto seen = balanced.counts(10000);
    for (auto& [host, count] : seen) count /= 100;
    return seen;
  }
};

/// Turns are by earliest deadline first, so shares hold up to one turn.
void expect_shares(std::map<int, double> seen, const std::map<int, double>& wanted) {
  EXPECT_EQ(seen.size(), wanted.size());
  for (const auto& [host, percent] : wanted) EXPECT_NEAR(seen[host], percent, 0.03) << host;
}

TEST(Localities, ShareByWeightWhateverTheirSizes) {
  Localities set({zone("a", 1), zone("b", 3)}, {at(1).zone("a"), at(2).zone("a"), at(3).zone("b")});
  expect_shares(set.shares(), {{1, 12.5}, {2, 12.5}, {3, 75}});
}

TEST(Localities, WhatHasNoWeightGetsNothing) {
  Localities set({zone("a", 5)}, {at(1).zone("a"), at(2).zone("b"), at(3)});
  expect_shares(set.shares(), {{1, 100}});
}

TEST(Localities, WhereNoneHasAWeightAllHostsAreOneList) {
  Localities set({}, {at(1).zone("a"), at(2).zone("b")});
  expect_shares(set.shares(), {{1, 50}, {2, 50}});
}

TEST(Localities, UnhealthyHostsTakeTheirLocalitysShareAlong) {
  // Of a 2 in 4 are healthy: 1.4 x 0.5 = 0.7 of its weight, against 1 of b.
  Localities half({zone("a", 1), zone("b", 1)},
                  {at(1).zone("a"), at(2).zone("a"), at(3).zone("a").health(kBad),
                   at(4).zone("a").health(kBad), at(5).zone("b")});
  expect_shares(half.shares(), {{1, 35 / 1.7}, {2, 35 / 1.7}, {5, 100 / 1.7}});
  // 3 in 4: 1.4 x 0.75 is more than enough.
  Localities most({zone("a", 1), zone("b", 1)}, {at(1).zone("a"), at(2).zone("a"), at(3).zone("a"),
                                                 at(4).zone("a").health(kBad), at(5).zone("b")});
  expect_shares(most.shares(), {{1, 50.0 / 3}, {2, 50.0 / 3}, {3, 50.0 / 3}, {5, 50}});
  Localities twice({zone("a", 1), zone("b", 1)},
                   {at(1).zone("a"), at(2).zone("a").health(kBad), at(3).zone("b")},
                   {.overprovisioning = 200});
  expect_shares(twice.shares(), {{1, 50}, {3, 50}});
}

TEST(Localities, CountPerPriority) {
  Localities set({zone("a", 1), zone("b", 1), zone("a", 9, 1), zone("b", 1, 1)},
                 {at(1).zone("a").health(kBad), at(2).zone("b").health(kBad), at(3).zone("a").priority(1),
                  at(4).zone("b").priority(1)});
  expect_shares(set.shares(), {{3, 90}, {4, 10}});
}

TEST(Localities, DoNotCountInPanic) {
  Localities set({zone("a", 9), zone("b", 1)},
                 {at(1).zone("a"), at(2).zone("b").health(kBad), at(3).zone("b").health(kBad)});
  const auto seen = set.shares();
  EXPECT_EQ(seen.size(), 3u);
  expect_shares(seen, {{1, 100.0 / 3}, {2, 100.0 / 3}, {3, 100.0 / 3}});
}

TEST(Localities, WeightsOfHostsCountWithinThem) {
  Localities set({zone("a", 1), zone("b", 1)},
                 {at(1).zone("a").weight(1), at(2).zone("a").weight(4), at(3).zone("b")});
  expect_shares(set.shares(), {{1, 10}, {2, 40}, {3, 50}});
}

TEST(Localities, GiveHashedHostsTheirShares) {
  const auto hosts = test::hosts_of(
      {at(1).zone("b"), at(2).zone("a").weight(1), at(3).zone("a").weight(3), at(4).zone("c")});
  std::vector<const Host*> borrowed;
  for (const auto& host : hosts) borrowed.push_back(host.get());
  const std::vector<LocalityWeight> weights = {zone("a", 1), zone("b", 1), zone("gone", 2), zone("c", 7, 1)};
  const auto members = locality_members(borrowed, 0, weights);
  std::map<int, double> shares;
  for (const auto& member : members) shares[test::number_of(member.host)] = member.weight;
  EXPECT_EQ(shares, (std::map<int, double>{{1, 0.25}, {2, 0.0625}, {3, 0.1875}}));
  EXPECT_EQ(test::number_of(members.front().host), 2) << "in the order of localities";
}

TEST(Localities, ChoosingAllocatesNothing) {
  Localities set({zone("a", 1), zone("b", 3)}, {at(1).zone("a"), at(2).zone("a").weight(2), at(3).zone("b")});
  set.balanced.counts(50);
  const size_t before = test::allocations();
  for (int i = 0; i < 1000; ++i) set.balanced.pick();
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
