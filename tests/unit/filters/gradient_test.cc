#include "adaptive_concurrency/gradient.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "unit/support/hand_clock.h"

namespace remora::filters {
namespace {

using std::chrono::milliseconds;

struct GradientTest : ::testing::Test {
  void make() { gradient.emplace(settings, Random(1)); }
  uint32_t end_window(milliseconds rtt) {
    gradient->end_window({.rtt = rtt, .most_at_once = 1}, clock.now());
    return gradient->limit();
  }
  GradientSettings settings{.min_rtt_interval = milliseconds(60000)};
  std::optional<Gradient> gradient;
  test::HandClock clock;
};

TEST_F(GradientTest, MeasuresTheMinimumFirst) {
  make();
  EXPECT_EQ(gradient->limit(), 3u);
  EXPECT_EQ(gradient->samples_wanted(), 50u);
  EXPECT_EQ(gradient->gauges().min_rtt_calculation_active, 1u);
  EXPECT_EQ(end_window(milliseconds(10)), 3u);
  EXPECT_EQ(gradient->samples_wanted(), 0u);
  EXPECT_EQ(gradient->gauges().min_rtt_calculation_active, 0u);
  EXPECT_EQ(gradient->gauges().min_rtt_msecs, 10u);
}

TEST_F(GradientTest, GrowsByItsRootAndShrinksByHalfAtMost) {
  make();
  end_window(milliseconds(10));
  // 12.5 / 12 of 3, and its root: 3.125 + 1.77
  EXPECT_EQ(end_window(milliseconds(12)), 4u);
  EXPECT_EQ(gradient->gauges().gradient, 1041u);
  EXPECT_EQ(gradient->gauges().burst_queue_size, 1u);
  EXPECT_EQ(gradient->gauges().sample_rtt_msecs, 12u);
  EXPECT_EQ(end_window(milliseconds(1)), 10u);   // 2 * 4 + root of 8
  EXPECT_EQ(end_window(milliseconds(1)), 24u);   // 2 * 10 + root of 20
  EXPECT_EQ(end_window(milliseconds(99)), 15u);  // 24 / 2 + root of 12
}

TEST_F(GradientTest, StaysBetweenItsBounds) {
  settings.max_limit = 20;
  make();
  end_window(milliseconds(10));
  for (int i = 0; i < 10; ++i) end_window(milliseconds(1));
  EXPECT_EQ(gradient->limit(), 20u);
  settings.max_limit = 1;
  make();
  EXPECT_EQ(end_window(milliseconds(10)), 3u);
  EXPECT_EQ(end_window(milliseconds(10)), 3u) << "the minimum wins";
}

TEST_F(GradientTest, MeasuresAgainAfterTheIntervalAndItsJitter) {
  make();
  EXPECT_FALSE(gradient->begin_anew(clock.now()));
  end_window(milliseconds(10));
  end_window(milliseconds(10));
  end_window(milliseconds(10));
  const uint32_t before = gradient->limit();
  EXPECT_GT(before, 3u);
  clock.advance(milliseconds(59999));
  EXPECT_FALSE(gradient->begin_anew(clock.now()));
  clock.advance(milliseconds(9001));
  EXPECT_TRUE(gradient->begin_anew(clock.now()));
  EXPECT_EQ(gradient->limit(), 3u);
  EXPECT_FALSE(gradient->begin_anew(clock.now()));
  EXPECT_EQ(end_window(milliseconds(20)), before) << "as before the measurement";
  EXPECT_EQ(gradient->gauges().min_rtt_msecs, 20u);
}

TEST_F(GradientTest, JitterSpreadsMeasurements) {
  std::set<int64_t> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    gradient.emplace(settings, Random(seed));
    end_window(milliseconds(10));
    test::HandClock later = clock;
    while (!gradient->begin_anew(later.now())) later.advance(milliseconds(100));
    seen.insert((later.now() - clock.now()) / milliseconds(100));
  }
  EXPECT_GT(seen.size(), 10u);
  EXPECT_GE(*seen.begin(), 600);
  EXPECT_LE(*seen.rbegin(), 690);
}

TEST_F(GradientTest, DoubtsItsMinimumAfterFiveWindowsAtTheBottom) {
  make();
  end_window(milliseconds(10));
  // 3 / 2 and its root are 2.7: below the minimum.
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(gradient->begin_anew(clock.now())) << i;
    EXPECT_EQ(end_window(milliseconds(100)), 3u);
  }
  EXPECT_TRUE(gradient->begin_anew(clock.now()));
  EXPECT_EQ(gradient->samples_wanted(), 50u);
}

TEST_F(GradientTest, AFixedMinimumIsNeverMeasured) {
  settings.fixed_min_rtt = milliseconds(5);
  make();
  EXPECT_EQ(gradient->samples_wanted(), 0u);
  EXPECT_EQ(gradient->gauges().min_rtt_msecs, 5u);
  EXPECT_EQ(end_window(milliseconds(1)), 8u);  // as Envoy: 2 * 3 + root of 6
  EXPECT_EQ(end_window(milliseconds(1)), 20u);
  EXPECT_EQ(end_window(milliseconds(1)), 46u);
  for (int i = 0; i < 20; ++i) end_window(milliseconds(100));
  clock.advance(std::chrono::hours(1));
  EXPECT_FALSE(gradient->begin_anew(clock.now()));
}

TEST_F(GradientTest, AnAnswerInNoTimeIsNoDivisionByZero) {
  make();
  end_window(milliseconds(0));
  EXPECT_EQ(end_window(milliseconds(0)), 3u);
  settings.fixed_min_rtt = milliseconds(5);
  make();
  EXPECT_EQ(end_window(milliseconds(0)), 8u);
}

}  // namespace
}  // namespace remora::filters
