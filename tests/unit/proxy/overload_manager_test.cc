#include "overload/overload_manager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "admin/process_memory.h"

namespace remora {
namespace {

using Kind = ResourceMonitorConfig::Kind;

TEST(OverloadTrigger, AThresholdIsAllOrNothing) {
  const OverloadTrigger threshold{.monitor = 0, .from = 0.9, .to = 0.9};
  EXPECT_EQ(trigger_state(threshold, 0.89), 0);
  EXPECT_EQ(trigger_state(threshold, 0.9), 1);
  EXPECT_EQ(trigger_state(threshold, 7), 1);
}

TEST(OverloadTrigger, OneThatScalesGrowsInBetween) {
  const OverloadTrigger scaled{.monitor = 0, .from = 0.5, .to = 0.9};
  EXPECT_EQ(trigger_state(scaled, 0.5), 0);
  EXPECT_NEAR(trigger_state(scaled, 0.7), 0.5, 1e-9);
  EXPECT_EQ(trigger_state(scaled, 0.9), 1);
}

struct OverloadManagerTest : ::testing::Test {
  OverloadManagerTest() {
    folder = std::filesystem::temp_directory_path() / ("remora-overload-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder / "memory");
    files.cgroup = folder.string();
    files.cpu = (folder / "stat").string();
  }
  ~OverloadManagerTest() override { std::filesystem::remove_all(folder); }

  void write(const std::string& name, const std::string& text) { std::ofstream(folder / name) << text; }
  void make(OverloadSettings settings) {
    manager = std::make_unique<OverloadManager>(std::make_shared<OverloadSettings>(std::move(settings)),
                                                stats, files);
  }
  ResourceMonitorConfig injected(const std::string& name) {
    return {.name = name, .kind = Kind::kInjected, .filename = (folder / name).string()};
  }
  std::unique_ptr<ResourceMonitor> monitor(Kind kind, uint64_t most = 0) {
    return make_resource_monitor({.name = "m", .kind = kind, .most_bytes = most, .filename = ""}, files);
  }
  uint64_t value(const std::string& prefix, const std::string& name) {
    for (const auto& scope : stats.scopes()) {
      if (scope->name().prefix != prefix) continue;
      for (size_t i = 0; i < scope->schema().size(); ++i) {
        if (scope->schema()[i].name == name) return scope->value(i);
      }
    }
    ADD_FAILURE() << prefix << name;
    return 0;
  }

  std::filesystem::path folder;
  SystemFiles files;
  StatsStore stats{2};
  std::unique_ptr<OverloadManager> manager;
};

TEST_F(OverloadManagerTest, TheStrongestTriggerCounts) {
  make({.monitors = {injected("a"), injected("b")},
        .actions = {
            {.name = "shrink",
             .triggers = {{.monitor = 0, .from = 0.5, .to = 0.9}, {.monitor = 1, .from = 0.8, .to = 0.8}}}}});
  write("a", "0.6\n");
  write("b", "0.1");
  manager->refresh();
  EXPECT_NEAR(manager->state(0), 0.25, 1e-9);
  EXPECT_EQ(value("overload.a.", "pressure"), 60u);
  EXPECT_EQ(value("overload.b.", "pressure"), 10u);
  EXPECT_EQ(value("overload.shrink.", "active"), 0u);
  EXPECT_EQ(value("overload.shrink.", "scale_percent"), 25u);
  manager->act();
  EXPECT_EQ(value("overload.shrink.", "shrink_count"), 0u);
  write("b", "0.8");
  manager->refresh();
  EXPECT_EQ(manager->state(0), 1);
  EXPECT_EQ(value("overload.shrink.", "active"), 1u);
  manager->act();
  manager->act();
  EXPECT_EQ(value("overload.shrink.", "shrink_count"), 2u);
  write("b", "0");
  manager->refresh();
  EXPECT_NEAR(manager->state(0), 0.25, 1e-9);
  EXPECT_EQ(value("overload.shrink.", "active"), 0u);
}

TEST_F(OverloadManagerTest, WorkersSeeWhatIsDecided) {
  make({.monitors = {injected("a")},
        .actions = {{.name = "reduce",
                     .measure = OverloadMeasure::kReduceTimeouts,
                     .triggers = {{.monitor = 0, .from = 0.5, .to = 1}}}},
        .shed_points = {{.name = "point",
                         .measure = OverloadMeasure::kCreateCodec,
                         .triggers = {{.monitor = 0, .from = 0.9, .to = 0.9}}}}});
  int changes = 0;
  manager->on_timeouts_changed([&] { ++changes; });
  const auto state = manager->shared_state();
  write("a", "0.75");
  manager->refresh();
  manager->refresh();
  EXPECT_NEAR(state->of(OverloadMeasure::kReduceTimeouts), 0.5, 1e-9);
  EXPECT_EQ(state->of(OverloadMeasure::kCreateCodec), 0);
  EXPECT_EQ(changes, 1) << "the second time nothing was new";
  EXPECT_EQ(value("overload.point.", "scale_percent"), 0u);
  write("a", "0.9");
  manager->refresh();
  Random random(1);
  EXPECT_TRUE(state->sheds(OverloadMeasure::kCreateCodec, random, 1));
  EXPECT_EQ(value("overload.point.", "scale_percent"), 100u);
  EXPECT_EQ(value("overload.point.", "shed_load_count"), 1u);
  EXPECT_EQ(changes, 2);
  manager->act();  // nothing of these is the main thread's
}

TEST_F(OverloadManagerTest, ConnectionsOfTheirLimit) {
  const auto limit = std::make_shared<ConnectionLimit>(4);
  const auto monitor = make_resource_monitor(
      {.name = "c", .kind = Kind::kDownstreamConnections, .filename = ""}, files, limit);
  EXPECT_EQ(*monitor->pressure(), 0);
  const auto place = limit->take(false);
  EXPECT_EQ(*monitor->pressure(), 0.25);
}

TEST_F(OverloadManagerTest, WhatCannotBeMeasuredStaysAsItWas) {
  make({.monitors = {injected("a")},
        .actions = {{.name = "shrink", .triggers = {{.monitor = 0, .from = 0.5, .to = 0.5}}}}});
  manager->refresh();
  EXPECT_EQ(manager->state(0), 0);
  EXPECT_EQ(value("overload.a.", "failed_updates"), 1u);
  write("a", "0.5");
  manager->refresh();
  for (const char* bad : {"", "much", "1.01", "-0.1", "0.1 0.2", "nan"}) {
    write("a", bad);
    manager->refresh();
    EXPECT_EQ(manager->state(0), 1) << bad;
  }
  EXPECT_EQ(value("overload.a.", "failed_updates"), 7u);
  EXPECT_EQ(value("overload.a.", "pressure"), 50u);
}

TEST_F(OverloadManagerTest, TheHeapIsWhatTheProgramHasTaken) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's allocator tells nothing";
#endif
  const auto all = static_cast<double>(process_memory().allocated);
  EXPECT_NEAR(*monitor(Kind::kFixedHeap, static_cast<uint64_t>(all * 2))->pressure(), 0.5, 0.05);
}

TEST_F(OverloadManagerTest, AControlGroupOfVersion2) {
  write("memory.current", "250\n");
  write("memory.max", "1000\n");
  EXPECT_EQ(*monitor(Kind::kCgroupMemory)->pressure(), 0.25);
  EXPECT_EQ(*monitor(Kind::kCgroupMemory, 500)->pressure(), 0.5);
  EXPECT_EQ(*monitor(Kind::kCgroupMemory, 5000)->pressure(), 0.25);
  write("memory.max", "max\n");
  EXPECT_EQ(*monitor(Kind::kCgroupMemory)->pressure(), 0);
  EXPECT_EQ(*monitor(Kind::kCgroupMemory, 500)->pressure(), 0.5);
  write("memory.max", "many\n");
  EXPECT_FALSE(monitor(Kind::kCgroupMemory)->pressure().ok());
}

TEST_F(OverloadManagerTest, AControlGroupOfVersion1) {
  EXPECT_FALSE(monitor(Kind::kCgroupMemory)->pressure().ok());
  write("memory/memory.usage_in_bytes", "750\n");
  write("memory/memory.limit_in_bytes", "1000\n");
  EXPECT_EQ(*monitor(Kind::kCgroupMemory)->pressure(), 0.75);
}

TEST_F(OverloadManagerTest, ProcessorsInAnAverageThatFades) {
  write("stat", "cpu  100 0 100 800 5 0 0 0 0 0\ncpu0 1 2 3 4\n");
  const auto cpu = monitor(Kind::kCpuUtilization);
  EXPECT_EQ(*cpu->pressure(), 0) << "no time has passed";
  write("stat", "cpu  150 20 130 900 5 0 0 0 0 0\n");  // half of 200
  EXPECT_NEAR(*cpu->pressure(), 0.025, 1e-9);
  write("stat", "cpu  250 20 130 900 5 0 0 0 0 0\n");  // all of 100
  EXPECT_NEAR(*cpu->pressure(), 0.025 * 0.95 + 0.05, 1e-9);
  write("stat", "intr 1\n");
  EXPECT_FALSE(cpu->pressure().ok());
}

TEST_F(OverloadManagerTest, ReadsWhatTheKernelOfThisMachineShows) {
  EXPECT_TRUE(
      make_resource_monitor({.name = "m", .kind = Kind::kCpuUtilization, .filename = ""})->pressure().ok());
}

}  // namespace
}  // namespace remora
