#include "upstream/foreseen.h"

#include <gtest/gtest.h>

#include "unit/proxy/balanced.h"

namespace remora::test {
namespace {

ClusterConfig ahead(LbPolicy policy) {
  ClusterConfig config;
  config.lb_policy = policy;
  config.preconnect = Preconnect{.predictive_ratio = 2.0};
  return config;
}

TEST(Foreseen, GivesThemInTheirOrder) {
  const auto hosts = hosts_of(endpoints(5));
  Foreseen foreseen;
  EXPECT_EQ(foreseen.take(), nullptr);
  for (size_t round = 0; round < 3; ++round) {
    for (const auto& host : hosts) foreseen.add(*host);
    EXPECT_EQ(foreseen.size(), 5u);
    for (const auto& host : hosts) EXPECT_EQ(foreseen.take(), host.get());
    EXPECT_EQ(foreseen.size(), 0u);
  }
  foreseen.add(*hosts[0]);
  foreseen.clear();
  EXPECT_EQ(foreseen.take(), nullptr);
}

TEST(Foreseen, TheNextRequestsGetThem) {
  for (const auto policy : {LbPolicy::kRoundRobin, LbPolicy::kRandom}) {
    Balanced balanced(ahead(policy), endpoints(3));
    balanced.pick();
    for (int round = 0; round < 20; ++round) {
      const int first = number_of(balanced.balancer.foresee(balanced.set));
      const int second = number_of(balanced.balancer.foresee(balanced.set));
      ASSERT_NE(first, 0);
      EXPECT_EQ(balanced.pick(), first);
      EXPECT_EQ(balanced.pick(), second);
    }
  }
}

TEST(Foreseen, TurnsStayEven) {
  Balanced balanced(ahead(LbPolicy::kRoundRobin), endpoints(3));
  balanced.pick();
  balanced.balancer.foresee(balanced.set);
  for (const auto& [host, count] : balanced.counts(30)) EXPECT_EQ(count, 10) << host;
}

TEST(Foreseen, OneForEachHealthyHost) {
  Balanced balanced(ahead(LbPolicy::kRoundRobin), {at(1), at(2), at(3).health(EndpointHealth::kUnhealthy)});
  balanced.pick();
  EXPECT_NE(balanced.balancer.foresee(balanced.set), nullptr);
  EXPECT_NE(balanced.balancer.foresee(balanced.set), nullptr);
  EXPECT_EQ(balanced.balancer.foresee(balanced.set), nullptr);
}

TEST(Foreseen, WhatLooksAtTheLoadOrTheRequestIsNot) {
  Balanced least(ahead(LbPolicy::kLeastRequest), endpoints(3));
  least.pick();
  EXPECT_EQ(least.balancer.foresee(least.set), nullptr);
  Balanced round_robin(ahead(LbPolicy::kRoundRobin), endpoints(3));
  round_robin.pick({.level = LevelChoice{0, false}});  // an aggregate cluster's
  EXPECT_EQ(round_robin.balancer.foresee(round_robin.set), nullptr);
}

TEST(Foreseen, NewHostsAreForeseenAnew) {
  Balanced balanced(ahead(LbPolicy::kRoundRobin), endpoints(2));
  balanced.pick();
  EXPECT_NE(balanced.balancer.foresee(balanced.set), nullptr);
  const HostList others = hosts_of({at(7)});
  const HostSet next(others, {}, nullptr);
  EXPECT_EQ(balanced.balancer.foresee(next), nullptr) << "nobody has asked for these yet";
  EXPECT_EQ(number_of(balanced.balancer.pick(next, {})), 7);
}

}  // namespace
}  // namespace remora::test
