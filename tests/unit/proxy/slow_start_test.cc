#include <gtest/gtest.h>

#include "unit/proxy/balanced.h"
#include "upstream/weighted_picker.h"

namespace remora {
namespace {

using std::chrono::seconds;
using test::Balanced;

TEST(SlowStart, GrowsFromTheLeastToAll) {
  const SlowStart even{.window = seconds(60), .aggression = 1, .min_weight_percent = 10};
  EXPECT_DOUBLE_EQ(slow_start_factor(even, seconds(0)), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_factor(even, seconds(6)), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_factor(even, seconds(30)), 0.5);
  EXPECT_DOUBLE_EQ(slow_start_factor(even, seconds(59)), 59.0 / 60);
  EXPECT_DOUBLE_EQ(slow_start_factor(even, seconds(60)), 1);
  EXPECT_DOUBLE_EQ(slow_start_factor(even, seconds(6000)), 1);

  SlowStart early = even;
  early.aggression = 2;
  EXPECT_DOUBLE_EQ(slow_start_factor(early, seconds(15)), 0.5) << "the square root of a quarter";
  SlowStart late = even;
  late.aggression = 0.5;
  EXPECT_DOUBLE_EQ(slow_start_factor(late, seconds(30)), 0.25);

  const SlowStart bare{.window = seconds(10), .aggression = 1, .min_weight_percent = 0};
  EXPECT_DOUBLE_EQ(slow_start_factor(bare, seconds(0)), 0.0001) << "a millisecond at least";
}

/// Three hosts, of which the last joined when its clock began, the others long before.
struct Newcomer {
  Balanced balanced;

  explicit Newcomer(LbPolicy policy, seconds age = seconds(0))
      : balanced(config_of(policy), hosts_of(age), {.slow_start_window = seconds(60)}) {}

  static ClusterConfig config_of(LbPolicy policy) {
    ClusterConfig config = test::config_of(policy);
    config.balancer = std::make_shared<const BalancerSettings>(
        BalancerSettings{.slow_start = SlowStart{.window = seconds(60)}});
    return config;
  }
  static HostList hosts_of(seconds age) {
    auto hosts = test::hosts_of(test::endpoints(3));
    const MonotonicTime now = test::HandClock().now();
    for (const auto& host : hosts) host->state().set_healthy_since(now - seconds(600));
    hosts.back()->state().set_healthy_since(now - age);
    return hosts;
  }
  double share() { return balanced.counts(2100)[3] / 2100; }
};

TEST(SlowStart, ANewHostGetsLessByWeight) {
  for (const LbPolicy policy : {LbPolicy::kRoundRobin, LbPolicy::kLeastRequest}) {
    EXPECT_NEAR(Newcomer(policy).share(), 0.1 / 2.1, 0.002);
    EXPECT_NEAR(Newcomer(policy, seconds(30)).share(), 0.5 / 2.5, 0.002);
    EXPECT_NEAR(Newcomer(policy, seconds(60)).share(), 1.0 / 3,
                policy == LbPolicy::kRoundRobin ? 0.001 : 0.05);
  }
}

TEST(SlowStart, GrowsWhileTheHostsStayTheSame) {
  Newcomer newcomer(LbPolicy::kRoundRobin);
  EXPECT_NEAR(newcomer.share(), 0.1 / 2.1, 0.002);
  newcomer.balanced.clock.advance(seconds(30));
  EXPECT_NEAR(newcomer.share(), 0.5 / 2.5, 0.01);
  newcomer.balanced.clock.advance(seconds(30));
  const int first = newcomer.balanced.pick();
  for (int i = 1; i < 12; ++i)
    EXPECT_EQ(newcomer.balanced.pick(), (first - 1 + i) % 3 + 1) << "then they take turns";
}

TEST(SlowStart, IsNotThereUnlessConfigured) {
  Balanced balanced(test::config_of(LbPolicy::kRoundRobin), Newcomer::hosts_of(seconds(0)), {});
  EXPECT_NEAR(balanced.counts(300)[3], 100, 1);
}

TEST(SlowStart, BeginsWhenAHostJoins) {
  const auto before = std::chrono::steady_clock::now();
  const auto hosts = test::hosts_of(test::endpoints(1));
  EXPECT_GE(hosts[0]->state().healthy_since(), before);
  // What changes of its endpoint does not make it new.
  const auto changed = test::update_hosts(hosts, {test::at(1).weight(7)}, test::kShards).hosts;
  EXPECT_EQ(changed[0]->state().healthy_since(), hosts[0]->state().healthy_since());
}

}  // namespace
}  // namespace remora
