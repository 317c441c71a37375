#include "admission_control/success_window.h"

#include <gtest/gtest.h>

#include "unit/support/hand_clock.h"

namespace remora::filters {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Window : ::testing::Test {
  void record(int times, bool success, SuccessWindow& window) {
    for (int i = 0; i < times; ++i) window.record(clock.now(), success);
  }
  std::pair<uint64_t, uint64_t> seen(SuccessWindow& window) {
    const auto counts = window.counts(clock.now());
    return {counts.requests, counts.successes};
  }
  using Counts = std::pair<uint64_t, uint64_t>;
  test::HandClock clock;
};

TEST_F(Window, ForgetsAStepOnceItIsAsOldAsTheWindow) {
  SuccessWindow window(seconds(3));
  record(2, true, window);
  clock.advance(milliseconds(999));
  record(1, false, window);  // still of the first step
  EXPECT_EQ(seen(window), Counts(3, 2));
  clock.advance(milliseconds(1));
  record(4, false, window);
  clock.advance(milliseconds(1999));
  EXPECT_EQ(seen(window), Counts(7, 2));
  clock.advance(milliseconds(1));
  EXPECT_EQ(seen(window), Counts(4, 0));
  clock.advance(seconds(1));
  EXPECT_EQ(seen(window), Counts(0, 0));
}

TEST_F(Window, GoesOnForManyTimesItsLength) {
  SuccessWindow window(seconds(2));
  for (int i = 0; i < 50; ++i) {
    record(3, i % 2 == 0, window);
    EXPECT_EQ(seen(window), i == 0 ? Counts(3, 3) : Counts(6, 3)) << i;
    clock.advance(seconds(1));
  }
}

TEST_F(Window, AveragesOverTheTimeThatItKnows) {
  SuccessWindow window(seconds(10));
  EXPECT_EQ(window.average_rps(clock.now()), 0u);
  record(30, true, window);
  EXPECT_EQ(window.average_rps(clock.now()), 30u);
  clock.advance(milliseconds(2999));
  EXPECT_EQ(window.average_rps(clock.now()), 15u);  // whole seconds
  clock.advance(milliseconds(1));
  EXPECT_EQ(window.average_rps(clock.now()), 10u);
  clock.advance(seconds(7));
  EXPECT_EQ(window.average_rps(clock.now()), 0u);
}

TEST_F(Window, OfNoLengthKnowsNothing) {
  SuccessWindow window(seconds(0));
  record(5, false, window);
  EXPECT_EQ(seen(window), Counts(0, 0));
  EXPECT_EQ(window.average_rps(clock.now()), 0u);
}

TEST_F(Window, OfADayMovesInLongerSteps) {
  SuccessWindow window(std::chrono::hours(24));
  for (int i = 0; i < 86400; ++i) {
    record(1, true, window);
    clock.advance(seconds(1));
  }
  const auto [requests, successes] = seen(window);
  EXPECT_EQ(requests, successes);
  EXPECT_GE(requests, 86400u - 85);
  clock.advance(std::chrono::hours(24));
  EXPECT_EQ(seen(window), Counts(0, 0));
}

}  // namespace
}  // namespace remora::filters
