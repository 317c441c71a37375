#include "watchdog/watchdog.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

struct WatchdogTest : ::testing::Test {
  WatchdogSettings settings{.miss = Milliseconds(200), .megamiss = Milliseconds(1000)};
  StatsStore stats{1};
  std::vector<std::string> ends;
  MonotonicTime start{std::chrono::hours(1)};
  std::unique_ptr<Watchdog> dog;

  void make() {
    dog = std::make_unique<Watchdog>("workers", settings, stats,
                                     [this](const std::string& why) { ends.push_back(why); });
  }
  MonotonicTime at(int ms) const { return start + Milliseconds(ms); }
  void look(int ms) { dog->look(at(ms), {}); }
  uint64_t value(const std::string& prefix, size_t stat) {
    for (const auto& scope : stats.scopes()) {
      if (scope->name().prefix == prefix) return scope->value(stat);
    }
    ADD_FAILURE() << prefix;
    return 0;
  }
  uint64_t misses() { return value("workers.", 0); }
  uint64_t mega_misses() { return value("workers.", 1); }
};

TEST_F(WatchdogTest, EachStandstillIsCountedOnce) {
  make();
  auto& one = dog->watch("worker_0", start);
  auto& other = dog->watch("worker_1", start);
  look(200);
  EXPECT_EQ(misses(), 0u) << "not longer than that";
  other.touch(at(200));
  look(201);
  look(400);
  EXPECT_EQ(misses(), 1u);
  EXPECT_EQ(mega_misses(), 0u);
  other.touch(at(1000));
  look(1001);
  look(1100);
  EXPECT_EQ(misses(), 1u);
  EXPECT_EQ(mega_misses(), 1u);
  EXPECT_EQ(value("server.worker_0.", 0), 1u);
  EXPECT_EQ(value("server.worker_0.", 1), 1u);
  EXPECT_EQ(value("server.worker_1.", 0), 0u);
  one.touch(at(1100));
  other.touch(at(1100));
  look(1200);
  look(1301);  // both stand still anew
  EXPECT_EQ(misses(), 3u);
  EXPECT_EQ(mega_misses(), 1u);
  EXPECT_TRUE(ends.empty());
}

TEST_F(WatchdogTest, OneThatIsStuckEndsTheProcess) {
  settings.kill = Milliseconds(3000);
  make();
  dog->watch("worker_0", start);
  look(3000);
  EXPECT_TRUE(ends.empty());
  look(3001);
  ASSERT_EQ(ends.size(), 1u);
  EXPECT_NE(ends[0].find("worker_0"), std::string::npos) << ends[0];
}

TEST_F(WatchdogTest, ManyThatAreStuckEndTheProcess) {
  settings.multikill = Milliseconds(500);
  settings.multikill_part = 0.6;  // of five: three
  make();
  std::vector<WatchedThread*> threads;
  for (int i = 0; i < 5; ++i) threads.push_back(&dog->watch("worker_" + std::to_string(i), start));
  for (int i = 2; i < 5; ++i) threads[static_cast<size_t>(i)]->touch(at(600));
  look(600);
  EXPECT_TRUE(ends.empty()) << "two of five";
  for (int i = 3; i < 5; ++i) threads[static_cast<size_t>(i)]->touch(at(1200));
  look(1200);
  EXPECT_EQ(ends.size(), 1u);
}

TEST_F(WatchdogTest, OneAloneIsNotMany) {
  settings.multikill = Milliseconds(500);
  make();
  dog->watch("worker_0", start);
  look(5000);
  EXPECT_TRUE(ends.empty());
}

TEST_F(WatchdogTest, TheShortestLimitSaysHowOftenToLook) {
  make();
  EXPECT_EQ(dog->interval(), Milliseconds(200));
  settings.kill = Milliseconds(50);
  make();
  EXPECT_EQ(dog->interval(), Milliseconds(50));
  settings.miss = Milliseconds(0);
  make();
  EXPECT_EQ(dog->interval(), Milliseconds(2)) << "never without a pause";
}

TEST_F(WatchdogTest, AGuardThatComesLateJudgesNobody) {
  make();
  dog->watch("worker_0", start);
  std::vector<std::unique_ptr<Watchdog>> dogs;
  dogs.push_back(std::move(dog));
  GuardThread guard(std::move(dogs));
  guard.look(start);
  guard.look(at(5000));  // the process was stopped all the while
  EXPECT_EQ(misses(), 0u);
  guard.look(at(5200));
  EXPECT_EQ(misses(), 0u);
  guard.look(at(5400));
  EXPECT_EQ(misses(), 1u) << "it has had its time since";
}

}  // namespace
}  // namespace remora
