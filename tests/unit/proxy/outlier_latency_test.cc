#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "remora/config/latency_ejection.h"
#include "unit/proxy/hosts.h"
#include "unit/support/allocation_counter.h"
#include "upstream/outlier.h"

namespace remora {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kShard = 1;

TEST(LatencyRanges, BeginWhereTheyShould) {
  EXPECT_EQ(LatencyRanges::range_of(microseconds(-1)), 0u);
  EXPECT_EQ(LatencyRanges::range_of(microseconds(64)), 0u);
  EXPECT_EQ(LatencyRanges::range_of(seconds(3600)), LatencyRanges::kCount - 1);
  for (const int us : {100, 999, 1000, 12345, 1'000'000, 59'000'000}) {
    const size_t range = LatencyRanges::range_of(microseconds(us));
    EXPECT_LE(LatencyRanges::start_of(range), us / 1000.0);
    EXPECT_GT(LatencyRanges::start_of(range + 1), us / 1000.0);
    EXPECT_LT(LatencyRanges::start_of(range + 1) / LatencyRanges::start_of(range), 1.07) << "finer than 7 %";
  }
}

TEST(LatencyRanges, CountingAllocatesOnceAHost) {
  HostState host(2);
  host.stats(kShard).add_latency(milliseconds(1));
  const size_t before = test::allocations();
  for (int i = 0; i < 1000; ++i) host.stats(kShard).add_latency(milliseconds(i));
  EXPECT_EQ(test::allocations(), before);
}

/// A cluster whose hosts answer as they are told, and a clock moved by hand.
struct Cluster {
  LatencyEjection settings;
  OutlierDetection config;
  StatBlock stats{outlier_stat_schema()};
  Random random{11};
  HostList hosts;
  std::vector<EjectionEvent> events;
  MonotonicTime now{seconds(1000)};
  std::unique_ptr<OutlierDetector> detector;

  explicit Cluster(int count, LatencyEjection wanted = {}, uint32_t max_percent = 100)
      : settings(wanted),
        hosts(test::hosts_of(test::endpoints(count))) {
    config.max_ejection_percent = max_percent;
    config.latency = std::make_shared<const LatencyEjection>(settings);
    detector = std::make_unique<OutlierDetector>(
        config, stats, random, [] {}, [this](const EjectionEvent& event) { events.push_back(event); });
    detector->set_hosts(hosts);
  }

  void answer(size_t host, milliseconds time, int times = 100) {
    for (int i = 0; i < times; ++i) hosts[host]->state().stats(kShard).add_latency(time);
  }
  /// Each host answers in the time that stands in its place, 100 times.
  void answer(std::initializer_list<int> times) {
    size_t host = 0;
    for (const int time : times) answer(host++, milliseconds(time));
  }
  void sweep() {
    now += config.interval;
    detector->sweep(now);
  }
  bool ejected(size_t host) { return hosts[host]->state().ejected(); }
  uint64_t stat(const std::string& name) const {
    const StatSchema schema = outlier_stat_schema();
    for (size_t i = 0; i < schema.size(); ++i) {
      if (schema[i].name == name) return stats.value(i);
    }
    ADD_FAILURE() << name;
    return 0;
  }
};

TEST(LatencyEjection, EjectsWhoIsMuchSlowerThanTheMedian) {
  Cluster cluster(4);
  cluster.answer({10, 12, 40, 10});
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(0) || cluster.ejected(1) || cluster.ejected(3));
  EXPECT_TRUE(cluster.ejected(2));
  EXPECT_NEAR(cluster.detector->latency_median(), 10, 0.7);
  EXPECT_NEAR(cluster.detector->latency_threshold(), 30, 2.1);
  EXPECT_EQ(cluster.stat("ejections_enforced_latency"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_latency"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_total"), 1u);
  ASSERT_EQ(cluster.events.size(), 1u);
  EXPECT_EQ(cluster.events[0].kind, Ejection::kLatency);
  EXPECT_NEAR(cluster.events[0].measured, 40, 2.8);
  EXPECT_EQ(*cluster.hosts[2]->state().monitor().last_kind, Ejection::kLatency);
}

TEST(LatencyEjection, GoesByThePercentileNotByTheMean) {
  Cluster cluster(3);
  for (size_t i = 0; i < 3; ++i) cluster.answer(i, milliseconds(10), 940);
  cluster.answer(0, milliseconds(500), 40);  // 4 %: the 95th percentile does not see them
  cluster.answer(1, milliseconds(500), 80);  // 8 %
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(0));
  EXPECT_TRUE(cluster.ejected(1));
}

TEST(LatencyEjection, AllOfThemSlowIsNobodysFault) {
  Cluster cluster(4);
  cluster.answer({900, 950, 1000, 1100});
  cluster.sweep();
  EXPECT_EQ(cluster.stat("ejections_active"), 0u);
}

TEST(LatencyEjection, WhoIsQuickEnoughIsNeverSlow) {
  LatencyEjection settings;
  settings.minimum_latency = milliseconds(50);
  Cluster cluster(3, settings);
  cluster.answer({1, 1, 40});
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(2));
  EXPECT_DOUBLE_EQ(cluster.detector->latency_threshold(), 50);
  cluster.answer({1, 1, 60});
  cluster.sweep();
  EXPECT_TRUE(cluster.ejected(2));
}

TEST(LatencyEjection, NeedsHostsAndAnswersSinceTheLastSweep) {
  Cluster cluster(3);
  cluster.answer(0, milliseconds(10), 100);
  cluster.answer(1, milliseconds(10), 49);
  cluster.answer(2, milliseconds(900), 100);
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(2)) << "only two of three hosts have the volume";
  EXPECT_DOUBLE_EQ(cluster.detector->latency_median(), -1);
  EXPECT_DOUBLE_EQ(cluster.hosts[1]->state().monitor().latency_ms, -1);
  cluster.answer({10, 10, 10});
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(2)) << "what was before the last sweep is forgotten";
  EXPECT_NEAR(cluster.hosts[2]->state().monitor().latency_ms, 10, 0.7);
}

TEST(LatencyEjection, TheShareOfEjectedHostsHolds) {
  Cluster cluster(5, {}, 20);
  cluster.answer({10, 10, 10, 100, 100});
  cluster.sweep();
  EXPECT_TRUE(cluster.ejected(3));
  EXPECT_FALSE(cluster.ejected(4));
  EXPECT_TRUE(cluster.hosts[4]->state().monitor().spared);
  EXPECT_EQ(cluster.stat("ejections_overflow"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_latency"), 2u);
}

TEST(LatencyEjection, ReturnsByTheSameRules) {
  Cluster cluster(3);
  cluster.answer({10, 10, 100});
  cluster.sweep();
  EXPECT_TRUE(cluster.ejected(2));
  for (int i = 0; i < 2; ++i) {
    cluster.answer({10, 10, 100});  // an answer that was under way
    cluster.sweep();
  }
  EXPECT_TRUE(cluster.ejected(2)) << "30 s have not passed";
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(2));
  ASSERT_EQ(cluster.events.size(), 2u);
  EXPECT_FALSE(cluster.events[1].ejected);
}

TEST(LatencyEjection, NotEnforcedIsOnlyToldAndCounted) {
  LatencyEjection settings;
  settings.enforcing = 0;
  Cluster cluster(3, settings);
  cluster.answer({10, 10, 100});
  cluster.sweep();
  EXPECT_FALSE(cluster.ejected(2));
  EXPECT_EQ(cluster.stat("ejections_detected_latency"), 1u);
  ASSERT_EQ(cluster.events.size(), 1u);
  EXPECT_FALSE(cluster.events[0].enforced);
}

}  // namespace
}  // namespace remora
