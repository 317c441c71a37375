#include <gtest/gtest.h>

#include <cmath>

#include "unit/proxy/balanced.h"
#include "unit/support/chi_square.h"
#include "upstream/response_time.h"

namespace remora {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Balanced;

constexpr seconds kDecay{10};

double in_ms(const ResponseTime& time, MonotonicTime now) {
  return time.value(now, kDecay) / static_cast<double>(ResponseTime::Duration(milliseconds(1)).count());
}

TEST(ResponseTime, RisesAtOnceAndFallsSlowly) {
  const MonotonicTime start{seconds(100)};
  ResponseTime time;
  EXPECT_FALSE(time.known());
  time.add(milliseconds(100), start, kDecay);
  EXPECT_TRUE(time.known());
  EXPECT_DOUBLE_EQ(in_ms(time, start), 100);
  time.add(milliseconds(500), start + seconds(1), kDecay);
  EXPECT_DOUBLE_EQ(in_ms(time, start + seconds(1)), 500) << "a peak counts in full";
  time.add(milliseconds(100), start + seconds(11), kDecay);
  const double kept = std::exp(-1.0);
  EXPECT_NEAR(in_ms(time, start + seconds(11)), 500 * kept + 100 * (1 - kept), 1e-9);
}

TEST(ResponseTime, FadesWhereNothingIsHeard) {
  const MonotonicTime start{seconds(100)};
  ResponseTime time;
  time.add(milliseconds(100), start, kDecay);
  EXPECT_NEAR(in_ms(time, start + seconds(10)), 100 * std::exp(-1.0), 1e-9);
  EXPECT_DOUBLE_EQ(in_ms(time, start - seconds(1)), 100) << "time does not run backwards";
}

/// Hosts whose response times are known, in milliseconds.
struct Known : Balanced {
  Known(LbPolicy policy, const std::vector<int>& times, uint32_t choices)
      : Balanced(configured(policy, choices), test::endpoints(static_cast<int>(times.size()))) {
    for (size_t i = 0; i < times.size(); ++i) answer(i, times[i]);
  }
  static ClusterConfig configured(LbPolicy policy, uint32_t choices) {
    ClusterConfig config = test::config_of(policy);
    BalancerSettings settings;
    settings.latency.choice_count = choices;
    config.balancer = std::make_shared<const BalancerSettings>(settings);
    return config;
  }
  void answer(size_t host, int time) {
    stats(host).response_time.add(milliseconds(time), clock.now(), kDecay);
  }
};

TEST(PeakEwma, IsTheLeastCostOfDifferentDraws) {
  Known known(LbPolicy::kPeakEwma, {10, 20, 30, 40}, 2);
  // Of 6 pairs the first wins 3, the second 2, the third 1; two draws are never the same host.
  const auto seen = test::values(known.counts(60000));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_LT(test::chi_square(seen, {3, 2, 1}), test::chi_square_limit(2));
}

TEST(PeakEwma, WeighsTimeAgainstRequestsUnderWay) {
  Known known(LbPolicy::kPeakEwma, {10, 40}, 2);
  EXPECT_EQ(known.pick(), 1);
  known.active(0).add(2);
  EXPECT_EQ(known.pick(), 1) << "10 x 3 against 40";
  known.active(0).add(2);
  EXPECT_EQ(known.pick(), 2) << "10 x 5 against 40";
}

TEST(PeakEwma, TriesWhomItDoesNotKnowOnce) {
  Known known(LbPolicy::kPeakEwma, {1, 1}, 3);
  auto hosts = known.hosts;
  const auto more = test::update_hosts(hosts, test::endpoints(3), test::kShards).hosts;
  const HostSet set(more, {}, nullptr);
  EXPECT_EQ(test::number_of(known.balancer.pick(set, {})), 3);
  more[2]->state().stats(test::kShard).rq_active.add(1);
  EXPECT_NE(test::number_of(known.balancer.pick(set, {})), 3) << "until it has answered";
}

TEST(PeakEwma, ComesBackToWhomItLeft) {
  Known known(LbPolicy::kPeakEwma, {10, 1000}, 2);
  EXPECT_EQ(known.counts(100), (std::map<int, double>{{1, 100}}));
  // The one goes on answering, of the other nothing is heard: e^-5 of its second is less than 10 ms.
  known.clock.advance(seconds(50));
  known.answer(0, 10);
  EXPECT_EQ(known.pick(), 2);
}

TEST(Prequal, TakesTheFastestOfTheColdOnes) {
  Known known(LbPolicy::kPrequal, {30, 10, 20}, 3);
  EXPECT_EQ(known.counts(100), (std::map<int, double>{{2, 100}}));
  known.active(1).add(5);  // more than what was met before: hot
  EXPECT_EQ(known.counts(10), (std::map<int, double>{{3, 10}}));
}

TEST(Prequal, TakesTheIdlestWhereAllAreHot) {
  Known known(LbPolicy::kPrequal, {30, 10, 20}, 3);
  known.active(0).add(7);
  known.active(1).add(9);
  known.active(2).add(8);
  EXPECT_EQ(known.pick(), 1) << "all are above what was met before";
}

TEST(Prequal, LearnsWhatIsHot) {
  Known known(LbPolicy::kPrequal, {30, 10, 20}, 3);
  for (size_t i = 0; i < 3; ++i) known.active(i).add(8);
  known.counts(1000);
  EXPECT_EQ(known.pick(), 2) << "8 under way have become usual: all are cold, and the fastest wins";
  known.active(1).add(1);
  EXPECT_EQ(known.pick(), 3) << "one more than usual";
}

TEST(LatencyAware, OneHostIsChosenWhateverItsTime) {
  for (const LbPolicy policy : {LbPolicy::kPeakEwma, LbPolicy::kPrequal})
    EXPECT_EQ(Known(policy, {5000}, 2).pick(), 1);
}

}  // namespace
}  // namespace remora
