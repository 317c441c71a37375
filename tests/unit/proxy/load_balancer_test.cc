#include "upstream/load_balancer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "remora/core/stats.h"
#include "unit/proxy/balanced.h"
#include "unit/support/allocation_counter.h"
#include "unit/support/chi_square.h"

namespace remora {
namespace {

using test::at;
using test::Balanced;
using test::config_of;
using test::kShard;
using test::values;

constexpr LbPolicy kPolicies[] = {LbPolicy::kRoundRobin, LbPolicy::kLeastRequest, LbPolicy::kRandom};

TEST(LoadBalancer, NobodyIsChosenFromNobody) {
  for (const LbPolicy policy : kPolicies) {
    EXPECT_EQ(Balanced(config_of(policy), {}).pick(), 0);
    const std::vector<Endpoint> dead = {at(1).health(EndpointHealth::kUnhealthy)};
    EXPECT_EQ(Balanced(config_of(policy), dead, {.panic_threshold = 0}).pick(), 0);
    EXPECT_EQ(Balanced(config_of(policy), dead).pick(), 1) << "panic";
    EXPECT_EQ(Balanced(config_of(policy), {at(1)}).pick(), 1);
  }
}

TEST(RoundRobin, TakesTurnsFromARandomStart) {
  Balanced balanced(config_of(LbPolicy::kRoundRobin), test::endpoints(5));
  const int first = balanced.pick();
  for (int i = 1; i < 20; ++i) EXPECT_EQ(balanced.pick(), (first - 1 + i) % 5 + 1);

  std::set<int> starts;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    LoadBalancer balancer(balanced.config, {kShard, random, balanced.clock}, {});
    starts.insert(test::number_of(balancer.pick(balanced.set, {})));
  }
  EXPECT_EQ(starts.size(), 5u);
}

TEST(RoundRobin, GoesOnAcrossUpdates) {
  Balanced balanced(config_of(LbPolicy::kRoundRobin), test::endpoints(5));
  const int first = balanced.pick();
  const HostSet same(balanced.hosts, {}, nullptr);
  EXPECT_EQ(test::number_of(balanced.balancer.pick(same, {})), first % 5 + 1);
}

TEST(RoundRobin, SharesByWeightEvenlySpread) {
  Balanced balanced(config_of(LbPolicy::kRoundRobin), {at(1).weight(1), at(2).weight(2), at(3).weight(7)});
  std::map<int, int> seen;
  for (int i = 1; i <= 5000; ++i) {
    ++seen[balanced.pick()];
    EXPECT_NEAR(seen[1], i * 0.1, 2);
    EXPECT_NEAR(seen[2], i * 0.2, 2);
    EXPECT_NEAR(seen[3], i * 0.7, 2);
  }
}

TEST(RoundRobin, WeightedStartsAreRandom) {
  const HostSet set(test::hosts_of({at(1).weight(1), at(2).weight(3)}), {}, nullptr);
  double first = 0;
  constexpr int kTrials = 4000;
  const test::HandClock clock;
  for (uint64_t seed = 0; seed < kTrials; ++seed) {
    Random random(seed);
    const ClusterConfig config = config_of(LbPolicy::kRoundRobin);
    LoadBalancer balancer(config, {kShard, random, clock}, {});
    if (test::number_of(balancer.pick(set, {})) == 1) ++first;
  }
  // The light host's first turn lies anywhere in its period, so that it comes first about one time in six.
  EXPECT_NEAR(first / kTrials, 1.0 / 6, 0.03);
}

TEST(RandomPolicy, IsUniformWhateverTheWeights) {
  Balanced balanced(config_of(LbPolicy::kRandom), {at(1).weight(100), at(2), at(3), at(4)});
  const auto seen = values(balanced.counts(40000));
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_LT(test::chi_square(seen, {1, 1, 1, 1}), test::chi_square_limit(3));
}

TEST(LeastRequest, IsTheBestOfTwoDraws) {
  Balanced balanced(config_of(LbPolicy::kLeastRequest), test::endpoints(4));
  balanced.active(0).add(1);
  balanced.active(1).add(2);
  balanced.active(2).add(3);
  balanced.active(3).add(4);
  // The k-th busiest is chosen when both draws are at least as busy: (5-k)^2 - (4-k)^2 of 16.
  const auto seen = values(balanced.counts(64000));
  EXPECT_LT(test::chi_square(seen, {7, 5, 3, 1}), test::chi_square_limit(3));
}

TEST(LeastRequest, DrawsAsOftenAsItIsTold) {
  ClusterConfig config = config_of(LbPolicy::kLeastRequest);
  config.choice_count = 3;
  Balanced balanced(config, test::endpoints(2));
  balanced.active(1).add(1);
  const auto seen = values(balanced.counts(64000));
  EXPECT_LT(test::chi_square(seen, {7, 1}), test::chi_square_limit(1));
}

TEST(LeastRequest, ScansAllHostsWhereItIsTold) {
  ClusterConfig config = config_of(LbPolicy::kLeastRequest);
  config.balancer = std::make_shared<const BalancerSettings>(BalancerSettings{.full_scan = true});
  Balanced balanced(config, test::endpoints(5));
  for (const size_t busy : {0u, 2u, 3u}) balanced.active(busy).add(1);
  const auto seen = values(balanced.counts(20000));
  EXPECT_LT(test::chi_square(seen, {1, 1}), test::chi_square_limit(1)) << "who are equal share";
  balanced.active(1).add(2);
  EXPECT_EQ(balanced.counts(1000), (std::map<int, double>{{5, 1000}}));
}

TEST(LeastRequest, LooksAtThisWorkersRequestsOnly) {
  Balanced balanced(config_of(LbPolicy::kLeastRequest), test::endpoints(2));
  balanced.hosts[0]->state().stats(2).rq_active.add(100);
  const auto seen = values(balanced.counts(20000));
  EXPECT_LT(test::chi_square(seen, {1, 1}), test::chi_square_limit(1));
}

TEST(LeastRequest, WeighsWeightAgainstLoad) {
  struct Case {
    double bias;
    double wanted;  // the first one's share: weight / (active + 1)^bias
  };
  // Weights 3 and 1, three requests active on the first.
  for (const auto& test : {Case{1.0, 0.75 / 1.75}, Case{0.0, 0.75}, Case{2.0, (3.0 / 16) / (1 + 3.0 / 16)},
                           Case{0.5, 1.5 / 2.5}}) {
    ClusterConfig config = config_of(LbPolicy::kLeastRequest);
    config.active_request_bias = test.bias;
    Balanced balanced(config, {at(1).weight(3), at(2).weight(1)});
    balanced.active(0).add(3);
    EXPECT_NEAR(balanced.counts(10000)[1] / 10000, test.wanted, 0.001) << test.bias;
  }
}

TEST(LoadBalancer, SkipsUnhealthyHostsUnlessInPanic) {
  for (const LbPolicy policy : kPolicies) {
    const auto bad = EndpointHealth::kUnhealthy;
    Balanced two(config_of(policy), {at(1), at(2).health(bad), at(3)});
    EXPECT_EQ(two.counts(1000).size(), 2u);
    EXPECT_EQ(two.counts(1000).count(2), 0u);
    Balanced one(config_of(policy), {at(1), at(2).health(bad), at(3).health(bad)});
    EXPECT_EQ(one.counts(1000).size(), 3u) << "33 % healthy";
    Balanced none(config_of(policy), {at(1), at(2).health(bad), at(3).health(bad)}, {.panic_threshold = 33});
    EXPECT_EQ(none.counts(1000).size(), 1u);
  }
}

TEST(LoadBalancer, CountsChoicesInPanic) {
  constexpr StatDef kSchema[] = {{"other"}, {"lb_healthy_panic"}};
  StatBlock block(kSchema);
  const ClusterConfig config = config_of(LbPolicy::kRoundRobin);
  Random random(1);
  const test::HandClock clock;
  LoadBalancer balancer(config, {kShard, random, clock}, {.block = &block, .healthy_panic = 1});
  const HostSet panic(test::hosts_of({at(1).health(EndpointHealth::kUnhealthy)}), {}, nullptr);
  const HostSet calm(test::hosts_of({at(1)}), {}, nullptr);
  for (int i = 0; i < 3; ++i) balancer.pick(panic, {});
  balancer.pick(calm, {});
  EXPECT_EQ(block.value(1), 3u);
  EXPECT_EQ(block.value(0), 0u);
}

TEST(LoadBalancer, SpreadsOverPrioritiesAndDegradedHosts) {
  const auto bad = EndpointHealth::kUnhealthy;
  Balanced spill(config_of(LbPolicy::kRandom),
                 {at(1), at(2).health(bad), at(3).priority(1), at(4).priority(1)});
  // 70 % to the first priority's only healthy host, the rest to the second priority.
  EXPECT_LT(test::chi_square(values(spill.counts(20000)), {70, 15, 15}), test::chi_square_limit(2));
  Balanced degraded(config_of(LbPolicy::kRandom), {at(1), at(2).health(EndpointHealth::kDegraded)});
  EXPECT_LT(test::chi_square(values(degraded.counts(20000)), {70, 30}), test::chi_square_limit(1));
  Balanced lower(config_of(LbPolicy::kRandom),
                 {at(1).health(bad), at(2).priority(1).health(EndpointHealth::kDegraded)});
  EXPECT_EQ(lower.counts(100), (std::map<int, double>{{2, 100}}));
}

TEST(LoadBalancer, AvoidsTriedHostsAsLongAsAttemptsLast) {
  Balanced balanced(config_of(LbPolicy::kRoundRobin), test::endpoints(3));
  const HostState* const first[] = {&balanced.hosts[0]->state()};
  const HostState* const two[] = {&balanced.hosts[0]->state(), &balanced.hosts[1]->state()};
  EXPECT_EQ(balanced.counts(100, {.tried = first, .attempts = 1}).count(1), 0u);
  EXPECT_EQ(balanced.counts(100, {.tried = two, .attempts = 2}), (std::map<int, double>{{3, 100}}));
  EXPECT_EQ(balanced.counts(99, {.tried = first, .attempts = 0}).size(), 3u)
      << "no attempt is left to look further";
  const HostState* const all[] = {&balanced.hosts[0]->state(), &balanced.hosts[1]->state(),
                                  &balanced.hosts[2]->state()};
  EXPECT_NE(balanced.pick({.tried = all, .attempts = 5}), 0) << "better a tried host than none";
}

TEST(LoadBalancer, ChoosingAllocatesNothing) {
  for (const LbPolicy policy : {LbPolicy::kRoundRobin, LbPolicy::kLeastRequest, LbPolicy::kRandom,
                                LbPolicy::kPeakEwma, LbPolicy::kPrequal, LbPolicy::kClientSideWeighted}) {
    Balanced equal(config_of(policy), test::endpoints(5));
    Balanced weighted(config_of(policy), {at(1).weight(3), at(2), at(3).weight(9)});
    for (Balanced* balanced : {&equal, &weighted}) {
      for (int i = 0; i < 50; ++i) balanced->balancer.pick(balanced->set, {});
      const size_t before = test::allocations();
      for (int i = 0; i < 1000; ++i) balanced->balancer.pick(balanced->set, {});
      EXPECT_EQ(test::allocations(), before);
    }
  }
}

}  // namespace
}  // namespace remora
