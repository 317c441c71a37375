#include "overload/overload_state.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "overload/connection_limit.h"

namespace remora {
namespace {

using Measure = OverloadMeasure;

TEST(OverloadState, NothingIsDoneBeforeItIsSaid) {
  const OverloadState state{OverloadSettings()};
  Random random(1);
  for (size_t i = 0; i < kOverloadMeasures; ++i) {
    EXPECT_FALSE(state.befalls(static_cast<Measure>(i), random));
    EXPECT_FALSE(state.saturated(static_cast<Measure>(i)));
  }
}

TEST(OverloadState, APartBefallsAPart) {
  OverloadState state{OverloadSettings()};
  Random random(1);
  state.set(Measure::kStopAcceptingRequests, 0.25);
  EXPECT_FALSE(state.saturated(Measure::kStopAcceptingRequests));
  EXPECT_FALSE(state.befalls(Measure::kDisableHttpKeepalive, random)) << "each has its own";
  int befallen = 0;
  for (int i = 0; i < 10000; ++i) befallen += state.befalls(Measure::kStopAcceptingRequests, random) ? 1 : 0;
  EXPECT_NEAR(befallen, 2500, 200);
  state.set(Measure::kStopAcceptingRequests, 1);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(state.befalls(Measure::kStopAcceptingRequests, random));
}

TEST(OverloadState, PointsCountWhatTheyShed) {
  static constexpr StatDef kDefs[] = {{"other"}, {"shed"}};
  StatsStore stats(3);
  const auto scope = stats.make_scope(kDefs, {.prefix = "p.", .prometheus_prefix = "p_", .tags = {}});
  OverloadState state{OverloadSettings()};
  state.count_in(Measure::kCreateCodec, scope, 1);
  Random random(1);
  EXPECT_FALSE(state.sheds(Measure::kCreateCodec, random, 1));
  state.set(Measure::kCreateCodec, 1);
  EXPECT_TRUE(state.sheds(Measure::kCreateCodec, random, 1));
  EXPECT_TRUE(state.sheds(Measure::kCreateCodec, random, 2));
  EXPECT_EQ(scope->value(1), 2u);
  EXPECT_EQ(scope->value(0), 0u);
}

TEST(OverloadState, TimeoutsAreReducedToTheirLeast) {
  OverloadSettings settings;
  settings.reduced[static_cast<size_t>(ScaledTimeout::kConnectionIdle)] = {.time = Milliseconds(2000)};
  settings.reduced[static_cast<size_t>(ScaledTimeout::kStreamIdle)] = {.part = 0.1};
  OverloadState state(settings);
  const auto idle = [&](int ms) {
    return state.timeout(ScaledTimeout::kConnectionIdle, Milliseconds(ms)).count();
  };
  EXPECT_EQ(idle(600000), 600000);
  state.set(Measure::kReduceTimeouts, 0.7);
  EXPECT_EQ(idle(600000), 181400);  // the example of Envoy's documentation
  EXPECT_EQ(idle(1000), 1000) << "never longer";
  EXPECT_EQ(idle(0), 0) << "for ever";
  EXPECT_EQ(state.timeout(ScaledTimeout::kTransportSocketConnect, Milliseconds(10)).count(), 10);
  state.set(Measure::kReduceTimeouts, 1);
  EXPECT_EQ(idle(600000), 2000);
  EXPECT_EQ(state.timeout(ScaledTimeout::kStreamIdle, Milliseconds(300000)).count(), 30000);
  EXPECT_EQ(state.timeout(ScaledTimeout::kStreamIdle, Milliseconds(5)).count(), 1) << "0 would be for ever";
}

TEST(ConnectionLimit, PlacesAreFreeAgain) {
  const auto limit = std::make_shared<ConnectionLimit>(2);
  auto first = limit->take(false);
  const auto copy = first;
  const auto second = limit->take(false);
  ASSERT_TRUE(first && second);
  EXPECT_FALSE(limit->take(false));
  const auto beyond = limit->take(true);
  EXPECT_TRUE(beyond);
  EXPECT_EQ(limit->taken(), 3u);
  first.reset();
  EXPECT_EQ(limit->taken(), 3u) << "a copy holds it";
  EXPECT_EQ(limit->refused(), 1u);
}

TEST(ConnectionLimit, NeverOneMoreWhoeverAsks) {
  const auto limit = std::make_shared<ConnectionLimit>(5);
  std::atomic<uint64_t> held{0}, most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20000; ++round) {
        auto place = limit->take(false);
        if (!place) continue;
        const uint64_t now = ++held;
        for (uint64_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
        --held;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(most, 5u);
  EXPECT_EQ(limit->taken(), 0u);
}

}  // namespace
}  // namespace remora
