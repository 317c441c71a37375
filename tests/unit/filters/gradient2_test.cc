#include "gradient2/gradient2.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "unit/support/hand_clock.h"

namespace remora::filters {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A server that serves `capacity` requests at once in as long as one takes alone; what comes beyond waits.
struct Gradient2Test : ::testing::Test {
  microseconds takes(uint32_t at_once) const {
    const double times = std::max(1.0, static_cast<double>(at_once) / capacity);
    return microseconds(static_cast<int64_t>(alone * times));
  }
  /// `seconds` with so many requests wanting in.
  void serve(double seconds, uint32_t wanting) {
    for (int i = 0; i < seconds * 10; ++i) {
      clock.advance(settings.update_interval);
      const uint32_t at_once = std::min(wanting, policy->limit());
      policy->end_window({.rtt = takes(at_once), .most_at_once = at_once}, clock.now());
      lowest = std::min(lowest, policy->limit());
      highest = std::max(highest, policy->limit());
    }
  }
  void make() { policy.emplace(settings); }
  void watch() { lowest = UINT32_MAX, highest = 0; }

  Gradient2Settings settings;
  double capacity = 50;
  double alone = 10'000;  // microseconds
  uint32_t lowest = UINT32_MAX;
  uint32_t highest = 0;
  std::optional<Gradient2> policy;
  test::HandClock clock;
};

TEST_F(Gradient2Test, FindsWhatTheServerCanDoAndStaysThereWithoutDips) {
  make();
  serve(20, 400);
  watch();
  serve(40, 400);
  // 1.5 times the capacity, and the root of the limit.
  EXPECT_GE(lowest, 80u);
  EXPECT_LE(highest, 88u);
}

TEST_F(Gradient2Test, ShrinksWhenTheServerSlowsDown) {
  make();
  serve(20, 400);
  const uint32_t before = policy->limit();
  capacity = 12;
  serve(5, 400);
  EXPECT_LT(policy->limit(), before / 2);
}

TEST_F(Gradient2Test, OverloadNeverBecomesTheUsual) {
  make();
  serve(20, 400);
  capacity = 5;
  serve(20, 400);
  watch();
  serve(1800, 400);
  EXPECT_LE(highest, 14u);
  capacity = 50;
  serve(20, 400);
  EXPECT_NEAR(policy->limit(), 84, 4) << "and when it is over, it is as before";
}

TEST_F(Gradient2Test, AnUpstreamThatIsSlowerForGoodIsTheUsualSoon) {
  make();
  capacity = 1000;
  serve(30, 100);
  const uint32_t before = policy->limit();
  EXPECT_GE(before, 100u);
  alone = 40'000;
  watch();
  serve(15, 100);
  EXPECT_LE(lowest, 5u);
  serve(15, 100);
  EXPECT_GE(policy->limit(), 100u);
}

TEST_F(Gradient2Test, WhatIsFasterIsTheUsualAtOnce) {
  alone = 100'000;
  make();
  serve(10, 400);
  EXPECT_GE(policy->gauges().min_rtt_msecs, 99u);
  alone = 10'000;
  serve(6, 10);
  EXPECT_LE(policy->gauges().min_rtt_msecs, 20u);
}

TEST_F(Gradient2Test, DoesNotGrowWhileNobodyUsesIt) {
  make();
  serve(60, 5);
  EXPECT_EQ(policy->limit(), settings.initial_limit);
}

TEST_F(Gradient2Test, StaysBetweenItsBounds) {
  settings.max_limit = 30;
  make();
  serve(60, 400);
  EXPECT_EQ(policy->limit(), 30u);
  capacity = 1;
  watch();
  serve(10, 400);
  EXPECT_GE(lowest, settings.min_limit);
}

TEST_F(Gradient2Test, ShowsItsTwoAverages) {
  make();
  serve(1, 10);
  EXPECT_EQ(policy->gauges().min_rtt_msecs, 10u);
  EXPECT_EQ(policy->gauges().sample_rtt_msecs, 10u);
  EXPECT_EQ(policy->gauges().gradient, 1000u);
  EXPECT_EQ(policy->gauges().min_rtt_calculation_active, 0u);
  EXPECT_EQ(policy->gauges().concurrency_limit, policy->limit());
}

}  // namespace
}  // namespace remora::filters
