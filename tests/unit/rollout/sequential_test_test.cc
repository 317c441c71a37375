#include "rollout/sequential_test.h"

#include <gtest/gtest.h>

#include <random>

namespace remora::rollout {
namespace {

/// What became of many canaries that were looked at after every tick.
struct Outcome {
  int worse = 0;
  int not_worse = 0;
};

struct Scenario {
  double primary_rate;
  double canary_rate;
  ComparisonOptions options;
  int ticks = 60;
  int primary_per_tick = 200;
  int canary_per_tick = 50;
};

Outcome simulate(const Scenario& scenario, int runs, unsigned seed) {
  std::mt19937 random(seed);
  std::binomial_distribution<uint64_t> primary_hits(static_cast<uint64_t>(scenario.primary_per_tick),
                                                    scenario.primary_rate);
  std::binomial_distribution<uint64_t> canary_hits(static_cast<uint64_t>(scenario.canary_per_tick),
                                                   scenario.canary_rate);
  Outcome outcome;
  for (int run = 0; run < runs; ++run) {
    RateCounts primary;
    RateCounts canary;
    bool worse = false;
    bool not_worse = false;
    for (int tick = 0; tick < scenario.ticks && !(worse && not_worse); ++tick) {
      primary.requests += static_cast<uint64_t>(scenario.primary_per_tick);
      primary.hits += primary_hits(random);
      canary.requests += static_cast<uint64_t>(scenario.canary_per_tick);
      canary.hits += canary_hits(random);
      const Verdict verdict = compare_rates(canary, primary, scenario.options).verdict;
      worse |= verdict == Verdict::kWorse;
      not_worse |= verdict == Verdict::kNotWorse;
    }
    outcome.worse += worse ? 1 : 0;
    outcome.not_worse += not_worse ? 1 : 0;
  }
  return outcome;
}

constexpr int kRuns = 1000;

TEST(SequentialTest, SeldomCallsAnEqualCanaryWorse) {
  // No margin at all, so that equal rates are the border: the hardest case there is. 60 looks each.
  for (const double rate : {0.001, 0.02, 0.3}) {
    const Outcome outcome = simulate(
        {.primary_rate = rate, .canary_rate = rate, .options = {.alpha = 0.05, .margin = 0}}, kRuns, 1);
    EXPECT_LE(outcome.worse, kRuns * 5 / 100) << rate;
    EXPECT_LE(outcome.not_worse, kRuns * 5 / 100) << rate;
  }
}

TEST(SequentialTest, KeepsItsErrorRateOnTheBorderOfTheMargin) {
  const Scenario border{
      .primary_rate = 0.02, .canary_rate = 0.05, .options = {.alpha = 0.05, .margin = 0.03}};
  const Outcome outcome = simulate(border, kRuns, 2);
  EXPECT_LE(outcome.worse, kRuns * 5 / 100);
  EXPECT_LE(outcome.not_worse, kRuns * 5 / 100);
}

TEST(SequentialTest, FindsACanaryThatFailsOftener) {
  // 10 % of failures against 1 %, margin 1 %: 10 ticks of 50 requests are enough nine times of ten.
  const Outcome outcome = simulate(
      {.primary_rate = 0.01, .canary_rate = 0.10, .options = {.alpha = 0.05, .margin = 0.01}, .ticks = 10},
      kRuns, 3);
  EXPECT_GE(outcome.worse, kRuns * 90 / 100);
  EXPECT_EQ(outcome.not_worse, 0);
}

TEST(SequentialTest, ClearsACanaryThatIsAsGood) {
  // 1 % each with a margin of 3 %: 60 ticks of 50 requests clear nine of ten.
  const Outcome outcome = simulate(
      {.primary_rate = 0.01, .canary_rate = 0.01, .options = {.alpha = 0.05, .margin = 0.03}}, kRuns, 4);
  EXPECT_GE(outcome.not_worse, kRuns * 90 / 100);
  EXPECT_EQ(outcome.worse, 0);
}

TEST(SequentialTest, SaysNothingWithoutRequests) {
  for (const auto& [canary, primary] :
       {std::pair<RateCounts, RateCounts>{{0, 0}, {0, 0}}, {{0, 0}, {100000, 5}}, {{100000, 5}, {0, 0}}}) {
    EXPECT_EQ(compare_rates(canary, primary, {}).verdict, Verdict::kInconclusive);
  }
}

TEST(SequentialTest, IsSureOfWhatIsPlain) {
  EXPECT_EQ(compare_rates({50, 50}, {50, 0}, {}).verdict, Verdict::kWorse);
  EXPECT_EQ(compare_rates({5000, 0}, {5000, 0}, {}).verdict, Verdict::kNotWorse);
  EXPECT_EQ(compare_rates({3, 1}, {300, 0}, {}).verdict, Verdict::kInconclusive);
  // More hits than requests are a reader's mistake: taken as all of them.
  EXPECT_EQ(compare_rates({50, 60}, {50, 0}, {}).canary_rate, 1.0);
}

TEST(SequentialTest, ASentenceSaysWhatWasCompared) {
  EXPECT_EQ(compare_rates({50, 50}, {50, 0}, {}).text.substr(0, 59),
            "canary 100% of 50, primary 0% of 50, margin 1%: worse (p 3.");
}

TEST(SlowRequests, AreCountedByTheBoundOfABucket) {
  const TrafficWindow window{.requests = 100,
                             .failures = 0,
                             .bounds_ms = {10, 50, 100, HUGE_VAL},
                             .cumulative = {60, 95, 99, 100},
                             .covered = {}};
  EXPECT_EQ(slow_bound_ms(window, 0.95), 50);
  EXPECT_EQ(slow_bound_ms(window, 0.96), 100);
  EXPECT_EQ(slow_bound_ms(window, 0.999), std::nullopt);
  EXPECT_EQ(slower_than(window, 50).hits, 5u);
  EXPECT_EQ(slower_than(window, 50).requests, 100u);
  EXPECT_EQ(slower_than({}, 50).requests, 0u);
  EXPECT_EQ(slow_bound_ms({}, 0.5), std::nullopt);
}

TEST(TrafficMath, SuccessRateAndQuantilesAreThoseOfPrometheus) {
  const TrafficWindow window{.requests = 200,
                             .failures = 3,
                             .bounds_ms = {10, 50, 100, HUGE_VAL},
                             .cumulative = {100, 180, 198, 200},
                             .covered = {}};
  EXPECT_DOUBLE_EQ(*success_rate(window), 98.5);
  EXPECT_DOUBLE_EQ(*quantile_ms(window, 0.5), 10);
  EXPECT_DOUBLE_EQ(*quantile_ms(window, 0.25), 5);
  EXPECT_DOUBLE_EQ(*quantile_ms(window, 0.7), 30);
  EXPECT_DOUBLE_EQ(*quantile_ms(window, 0.999), 100);  // in the last bucket: its lower bound
  EXPECT_EQ(success_rate({}), std::nullopt);
  EXPECT_EQ(quantile_ms({}, 0.5), std::nullopt);
}

}  // namespace
}  // namespace remora::rollout
