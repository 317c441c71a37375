#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

namespace remora {
namespace {

struct Alarm {
  explicit Alarm(TimerWheel& owner) : wheel(owner), timer(timer_calls<&Alarm::ring>, this) {}
  void ring() { ++rings; }
  TimerWheel& wheel;
  Timer timer;
  int rings = 0;
};

const MonotonicTime kStart{std::chrono::seconds(1000)};

TEST(TimerWheel, FiresNotBeforeAndSoonAfter) {
  std::mt19937 random(7);
  for (const int64_t delay :
       {0, 1, 5, 63, 64, 65, 1000, 4095, 4096, 5000, 262143, 262144, 300000, 20000000}) {
    TimerWheel wheel(kStart);
    const MonotonicTime now = kStart + Milliseconds(random() % 10000);
    wheel.advance(now);
    Alarm alarm(wheel);
    wheel.arm(alarm.timer, now, Milliseconds(delay));
    wheel.advance(now + Milliseconds(delay));
    EXPECT_EQ(alarm.rings, 0) << delay;
    wheel.advance(now + Milliseconds(delay + 1));
    EXPECT_EQ(alarm.rings, 1) << delay;
    EXPECT_FALSE(alarm.timer.armed());
  }
}

TEST(TimerWheel, CancelledAndDestroyedTimersStaySilent) {
  TimerWheel wheel(kStart);
  Alarm cancelled(wheel);
  wheel.arm(cancelled.timer, kStart, Milliseconds(10));
  cancelled.timer.cancel();
  auto destroyed = std::make_unique<Alarm>(wheel);
  wheel.arm(destroyed->timer, kStart, Milliseconds(10));
  destroyed.reset();
  wheel.advance(kStart + Milliseconds(100));
  EXPECT_EQ(cancelled.rings, 0);
  EXPECT_EQ(wheel.sleep_ms(kStart + Milliseconds(100)), -1);
}

TEST(TimerWheel, RearmingMovesATimer) {
  TimerWheel wheel(kStart);
  Alarm alarm(wheel);
  wheel.arm(alarm.timer, kStart, Milliseconds(10));
  wheel.arm(alarm.timer, kStart, Milliseconds(50));
  wheel.advance(kStart + Milliseconds(40));
  EXPECT_EQ(alarm.rings, 0);
  wheel.advance(kStart + Milliseconds(60));
  EXPECT_EQ(alarm.rings, 1);
}

TEST(TimerWheel, SleepNeverOversleeps) {
  std::mt19937 random(11);
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Alarm>> alarms;
  MonotonicTime now = kStart;
  std::vector<MonotonicTime> due;
  for (int i = 0; i < 200; ++i) {
    alarms.push_back(std::make_unique<Alarm>(wheel));
    const Milliseconds delay(random() % 20000);
    wheel.arm(alarms.back()->timer, now, delay);
    due.push_back(now + delay);
  }
  // Sleeping as told, each timer is seen within a tick or two of its time.
  for (int turns = 0; turns < 100000; ++turns) {
    const int sleep = wheel.sleep_ms(now);
    if (sleep < 0) break;
    now += Milliseconds(sleep);
    wheel.advance(now);
    for (size_t i = 0; i < alarms.size(); ++i) {
      if (now >= due[i] + Milliseconds(2)) {
        ASSERT_EQ(alarms[i]->rings, 1) << i;
      }
      if (now < due[i]) {
        ASSERT_EQ(alarms[i]->rings, 0) << i;
      }
    }
  }
  for (const auto& alarm : alarms) EXPECT_EQ(alarm->rings, 1);
}

struct Repeater {
  explicit Repeater(TimerWheel& owner) : wheel(owner), timer(timer_calls<&Repeater::ring>, this) {}
  void ring() {
    if (++rings < 5) wheel.arm(timer, now, Milliseconds(0));
  }
  TimerWheel& wheel;
  Timer timer;
  MonotonicTime now = kStart;
  int rings = 0;
};

// A lonely timer of less than a turn of the lowest level, from every place in that turn.
TEST(TimerWheel, SleepEndsForALonelyShortTimer) {
  for (int64_t place = 0; place < 130; ++place) {
    for (const int64_t delay : {0, 1, 25, 50, 62}) {
      TimerWheel wheel(kStart);
      const MonotonicTime now = kStart + Milliseconds(place);
      wheel.advance(now);
      Alarm alarm(wheel);
      wheel.arm(alarm.timer, now, Milliseconds(delay));
      const int sleep = wheel.sleep_ms(now);
      EXPECT_GT(sleep, 0) << place << " " << delay;
      EXPECT_LE(sleep, delay + 1) << place << " " << delay;
      wheel.advance(now + Milliseconds(delay + 1));
      EXPECT_EQ(alarm.rings, 1) << place << " " << delay;
    }
  }
}

TEST(TimerWheel, ATimerMayArmItself) {
  TimerWheel wheel(kStart);
  Repeater repeater(wheel);
  wheel.arm(repeater.timer, kStart, Milliseconds(1));
  for (int i = 0; i < 20; ++i) {
    repeater.now += Milliseconds(1);
    wheel.advance(repeater.now);
  }
  EXPECT_EQ(repeater.rings, 5);
}

}  // namespace
}  // namespace remora
