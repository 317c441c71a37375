#include "adaptive_concurrency/controller.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "unit/support/hand_clock.h"

namespace remora::filters {
namespace {

using std::chrono::milliseconds;

/// Says what the test tells it to, and keeps what it is told.
struct Script final : LimitPolicy {
  uint32_t limit() const override { return limit_now; }
  uint32_t samples_wanted() const override { return wanted; }
  void end_window(const Window& window, MonotonicTime) override {
    windows.push_back(window);
    wanted = 0;
  }
  bool begin_anew(MonotonicTime) override { return std::exchange(anew, false); }
  LimitGauges gauges() const override { return {}; }

  uint32_t limit_now = 2;
  uint32_t wanted = 0;
  bool anew = false;
  std::vector<Window> windows;
};

struct ControllerTest : ::testing::Test {
  void make() {
    auto policy = std::make_unique<Script>(script);
    seen = policy.get();
    controller =
        std::make_unique<ConcurrencyController>(ConcurrencyController::Settings{}, std::move(policy), 3);
    controller->tick(clock.now());
  }
  void serve(size_t shard, milliseconds took) {
    const MonotonicTime begun = clock.now();
    ASSERT_TRUE(controller->admit());
    controller->release(shard, begun, begun + took);
  }
  Script script;
  Script* seen = nullptr;
  std::unique_ptr<ConcurrencyController> controller;
  test::HandClock clock;
};

TEST_F(ControllerTest, LetsInAsManyAsTheLimit) {
  make();
  EXPECT_TRUE(controller->admit());
  EXPECT_TRUE(controller->admit());
  EXPECT_FALSE(controller->admit());
  controller->release();
  EXPECT_TRUE(controller->admit());
  EXPECT_FALSE(controller->admit());
}

TEST_F(ControllerTest, AWindowEndsWithItsTimeAndTakesAllWorkersTogether) {
  make();
  serve(1, milliseconds(10));
  serve(1, milliseconds(20));
  serve(2, milliseconds(30));
  clock.advance(milliseconds(99));
  EXPECT_EQ(controller->tick(clock.now()), milliseconds(1));
  EXPECT_TRUE(seen->windows.empty());
  clock.advance(milliseconds(1));
  seen->limit_now = 5;
  EXPECT_EQ(controller->tick(clock.now()), milliseconds(100));
  ASSERT_EQ(seen->windows.size(), 1u);
  EXPECT_NEAR(static_cast<double>(seen->windows[0].rtt.count()), 20000, 1000);
  EXPECT_EQ(seen->windows[0].most_at_once, 1u);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(controller->admit()) << "the new limit holds";
  EXPECT_FALSE(controller->admit());
}

TEST_F(ControllerTest, AWindowWithoutSamplesSaysNothing) {
  make();
  ASSERT_TRUE(controller->admit());
  controller->release();  // not answered to its end
  clock.advance(milliseconds(100));
  controller->tick(clock.now());
  EXPECT_TRUE(seen->windows.empty());
  serve(1, milliseconds(7));
  clock.advance(milliseconds(100));
  controller->tick(clock.now());
  ASSERT_EQ(seen->windows.size(), 1u);
  serve(1, milliseconds(70));
  clock.advance(milliseconds(100));
  controller->tick(clock.now());
  ASSERT_EQ(seen->windows.size(), 2u);
  EXPECT_NEAR(static_cast<double>(seen->windows[1].rtt.count()), 70000, 1000) << "no sample counts twice";
}

TEST_F(ControllerTest, ACountedWindowEndsWithItsLastSample) {
  script.wanted = 3;
  make();
  serve(1, milliseconds(10));
  serve(2, milliseconds(10));
  clock.advance(milliseconds(1000));
  controller->tick(clock.now());
  EXPECT_TRUE(seen->windows.empty()) << "time does not end it";
  serve(2, milliseconds(10));
  EXPECT_EQ(seen->windows.size(), 1u);
}

TEST_F(ControllerTest, WhatBeganBeforeANewWindowIsNoSampleOfIt) {
  make();
  const MonotonicTime early = clock.now();
  ASSERT_TRUE(controller->admit());
  serve(1, milliseconds(500));
  clock.advance(milliseconds(50));
  seen->anew = true;
  seen->wanted = 1;
  controller->tick(clock.now());
  controller->release(1, early, clock.now());
  EXPECT_TRUE(seen->windows.empty());
  serve(1, milliseconds(10));
  ASSERT_EQ(seen->windows.size(), 1u);
  EXPECT_NEAR(static_cast<double>(seen->windows[0].rtt.count()), 10000, 500);
}

TEST_F(ControllerTest, GaugesAreLookedAtOnceASecond) {
  auto policy = std::make_unique<Script>();
  ConcurrencyController slow({.update_interval = milliseconds(60000)}, std::move(policy), 2);
  EXPECT_EQ(slow.tick(clock.now()), milliseconds(1000));
}

TEST_F(ControllerTest, OneKeepsTheTime) {
  make();
  EXPECT_TRUE(controller->take_clock());
  EXPECT_FALSE(controller->take_clock());
}

TEST_F(ControllerTest, ThreadsNeverExceedTheLimitAndLoseNothing) {
  script.limit_now = 3;
  script.wanted = 100;
  make();
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  const auto work = [&](size_t shard) {
    for (int i = 0; i < 20000; ++i) {
      if (!controller->admit()) continue;
      const int now = inside.fetch_add(1) + 1;
      for (int seen_most = most; now > seen_most && !most.compare_exchange_weak(seen_most, now);) {}
      inside.fetch_sub(1);
      controller->release(shard, clock.now(), clock.now() + milliseconds(1));
    }
  };
  std::thread first(work, 1), second(work, 2);
  for (int i = 0; i < 200; ++i) controller->tick(clock.now());
  first.join();
  second.join();
  EXPECT_LE(most, 3);
  EXPECT_GE(seen->windows.size(), 1u);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(controller->admit());
  EXPECT_FALSE(controller->admit());
}

}  // namespace
}  // namespace remora::filters
