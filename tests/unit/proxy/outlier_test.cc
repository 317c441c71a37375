#include "upstream/outlier.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "unit/proxy/hosts.h"
#include "unit/support/allocation_counter.h"
#include "upstream/ejection_log.h"

namespace remora {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kShard = 1;

/// A cluster of `count` hosts, a clock moved by hand, and the workers' way to the detector.
struct Cluster {
  OutlierDetection config;
  StatBlock stats{outlier_stat_schema()};
  Random random{11};
  HostList hosts;
  int changes = 0;
  MonotonicTime now{seconds(1000)};
  std::vector<std::string> log;
  OutlierDetector detector;

  explicit Cluster(int count, OutlierDetection settings = {})
      : config(settings),
        hosts(test::hosts_of(test::endpoints(count))),
        detector(
            config, stats, random, [this] { ++changes; },
            [this](const EjectionEvent& event) { log.push_back(ejection_line("c", event, WallTime{})); }) {
    detector.set_hosts(hosts);
  }

  HostState& host(size_t index) { return hosts[index]->state(); }
  bool ejected(size_t index) { return host(index).ejected(); }

  /// What a worker does with one result: charge, and tell the main thread.
  void result(size_t index, OutlierResult result, uint16_t status = 0) {
    const OutlierEvents events = charge(host(index), kShard, config, result, status);
    const auto& state = hosts[index]->shared_state();
    if (events.gateway) detector.on_consecutive(state, Ejection::kConsecutiveGateway, now);
    if (events.consecutive_5xx) detector.on_consecutive(state, Ejection::kConsecutive5xx, now);
    if (events.local) detector.on_consecutive(state, Ejection::kConsecutiveLocal, now);
  }
  void respond(size_t index, uint16_t status, int times = 1) {
    for (int i = 0; i < times; ++i) result(index, OutlierResult::kResponse, status);
  }
  void sweep_after(milliseconds time) {
    now += time;
    detector.sweep(now);
  }
  uint64_t stat(const std::string& name) const {
    const StatSchema schema = outlier_stat_schema();
    for (size_t i = 0; i < schema.size(); ++i) {
      if (schema[i].name == name) return stats.value(i);
    }
    ADD_FAILURE() << name;
    return 0;
  }
};

OutlierDetection generous() {
  OutlierDetection config;
  config.max_ejection_percent = 100;
  return config;
}

OutlierDetection split() {
  OutlierDetection config = generous();
  config.split_external_local_origin_errors = true;
  return config;
}

// --- Consecutive errors ---

TEST(Consecutive5xx, EjectsAtTheThreshold) {
  Cluster cluster(1, generous());
  cluster.respond(0, 500, 4);
  EXPECT_FALSE(cluster.ejected(0));
  cluster.respond(0, 500);
  EXPECT_TRUE(cluster.ejected(0));
  EXPECT_EQ(cluster.changes, 1);
  EXPECT_EQ(cluster.stat("ejections_active"), 1u);
  EXPECT_EQ(cluster.stat("ejections_total"), 1u);
  EXPECT_EQ(cluster.stat("ejections_consecutive_5xx"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_total"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_5xx"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_consecutive_5xx"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_gateway_failure"), 0u);
  EXPECT_EQ(cluster.host(0).monitor().ejections, 1u);
}

TEST(Consecutive5xx, AnythingElseStartsTheCountAnew) {
  Cluster cluster(1, generous());
  for (const uint16_t good : {200, 302, 404, 499, 101}) {
    cluster.respond(0, 500, 4);
    cluster.respond(0, good);
  }
  EXPECT_FALSE(cluster.ejected(0));
  cluster.respond(0, 500, 5);
  EXPECT_TRUE(cluster.ejected(0));
}

TEST(Consecutive5xx, CountsErrorsOfAllWorkersTogether) {
  Cluster cluster(1, generous());
  int fired = 0;
  for (size_t i = 0; i < 8; ++i) {
    if (charge(cluster.host(0), 1 + i % 2, cluster.config, OutlierResult::kResponse, 500).consecutive_5xx)
      ++fired;
  }
  EXPECT_EQ(fired, 1) << "the threshold is reached once, not exceeded again and again";
}

TEST(Consecutive5xx, FiresOncePerBoutWhenItIsNotEnforced) {
  OutlierDetection config = generous();
  config.enforcing_consecutive_5xx = 0;
  Cluster cluster(1, config);
  cluster.respond(0, 500, 15);
  EXPECT_FALSE(cluster.ejected(0));
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_5xx"), 3u)
      << "the counter starts anew after each detection";
  EXPECT_EQ(cluster.stat("ejections_enforced_total"), 0u);
  EXPECT_EQ(cluster.stat("ejections_total"), 3u) << "the deprecated counter counts before the roll";
  EXPECT_EQ(cluster.changes, 0);
}

TEST(Consecutive5xx, EnforcementIsAShareOfDetections) {
  OutlierDetection config = generous();
  config.enforcing_consecutive_5xx = 30;
  Cluster cluster(1000, config);
  for (size_t i = 0; i < 1000; ++i) cluster.respond(i, 500, 5);
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_5xx"), 1000u);
  EXPECT_NEAR(static_cast<double>(cluster.stat("ejections_enforced_consecutive_5xx")), 300, 50);
}

TEST(ConsecutiveGateway, CountsOnly502And503And504) {
  OutlierDetection config = generous();
  config.enforcing_consecutive_gateway_failure = 100;
  config.enforcing_consecutive_5xx = 0;
  Cluster cluster(2, config);
  for (const uint16_t status : {502, 503, 504, 502}) cluster.respond(0, status);
  EXPECT_FALSE(cluster.ejected(0));
  cluster.respond(0, 503);
  EXPECT_TRUE(cluster.ejected(0));
  EXPECT_EQ(cluster.stat("ejections_enforced_consecutive_gateway_failure"), 1u);
  cluster.respond(1, 503, 4);
  cluster.respond(1, 500);  // another 5xx interrupts
  cluster.respond(1, 503, 4);
  EXPECT_FALSE(cluster.ejected(1));
  cluster.respond(1, 503);
  EXPECT_TRUE(cluster.ejected(1));
}

TEST(ConsecutiveGateway, IsDetectedButNotEnforcedByDefault) {
  Cluster cluster(1, generous());
  cluster.config.consecutive_5xx = 100;
  cluster.respond(0, 503, 5);
  EXPECT_FALSE(cluster.ejected(0));
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_gateway_failure"), 1u);
}

TEST(LocalOrigin, CountsAsStatusesWhenNotSplit) {
  struct Case {
    OutlierResult result;
    bool bad;
    bool gateway;
  };
  const Case cases[] = {
      {OutlierResult::kConnectFailed, true, true},    {OutlierResult::kTimeout, true, true},
      {OutlierResult::kRequestFailed, true, false},   {OutlierResult::kConnected, false, false},
      {OutlierResult::kConnectedFinal, false, false}, {OutlierResult::kResponse, false, false}};
  for (const auto& test : cases) {
    Cluster cluster(1, generous());
    for (int i = 0; i < 5; ++i) cluster.result(0, test.result);
    EXPECT_EQ(cluster.ejected(0), test.bad) << static_cast<int>(test.result);
    EXPECT_EQ(cluster.stat("ejections_detected_consecutive_gateway_failure"), test.gateway ? 1u : 0u);
    EXPECT_EQ(cluster.stat("ejections_detected_consecutive_local_origin_failure"), 0u);
  }
}

TEST(LocalOrigin, AConnectionAloneProvesNothingWhenNotSplit) {
  Cluster cluster(1, generous());
  for (int i = 0; i < 5; ++i) {
    cluster.result(0, OutlierResult::kConnected);
    cluster.respond(0, 500);
  }
  EXPECT_TRUE(cluster.ejected(0)) << "connecting did not reset the count";
}

TEST(LocalOrigin, IsCountedApartWhenSplit) {
  Cluster cluster(3, split());
  for (int i = 0; i < 4; ++i) cluster.result(0, OutlierResult::kConnectFailed);
  cluster.respond(0, 500, 4);
  EXPECT_FALSE(cluster.ejected(0));
  cluster.result(0, OutlierResult::kTimeout);
  EXPECT_TRUE(cluster.ejected(0));
  EXPECT_EQ(cluster.stat("ejections_enforced_consecutive_local_origin_failure"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_5xx"), 0u);

  for (int i = 0; i < 4; ++i) cluster.result(1, OutlierResult::kConnectFailed);
  cluster.result(1, OutlierResult::kConnected);
  for (int i = 0; i < 4; ++i) cluster.result(1, OutlierResult::kConnectFailed);
  EXPECT_FALSE(cluster.ejected(1)) << "a connection starts the count anew";

  for (int i = 0; i < 5; ++i) {
    cluster.result(2, OutlierResult::kConnected);
    cluster.result(2, OutlierResult::kRequestFailed);
  }
  EXPECT_TRUE(cluster.ejected(2));
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_gateway_failure"), 1u) << "it stands for 503";
}

TEST(Charge, HealthyResultsWriteNothingShared) {
  Cluster cluster(1, generous());
  cluster.respond(0, 200);
  const size_t before = test::allocations();
  cluster.respond(0, 200, 100);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(cluster.host(0).total(&HostStats::external_total), 101u);
  EXPECT_EQ(cluster.host(0).total(&HostStats::external_success), 101u);
  EXPECT_EQ(cluster.host(0).total(&HostStats::local_total), 0u);
}

TEST(Charge, OnlyOneOfManyThreadsReachesTheThreshold) {
  OutlierDetection config = generous();
  config.consecutive_5xx = 5000;
  Cluster cluster(1, config);
  std::atomic<int> fired{0};
  std::vector<std::thread> threads;
  for (size_t shard = 1; shard <= 2; ++shard) {
    threads.emplace_back([&, shard] {
      for (int i = 0; i < 5000; ++i) {
        if (charge(cluster.host(0), shard, cluster.config, OutlierResult::kResponse, 500).consecutive_5xx)
          ++fired;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(fired, 1);
}

TEST(OutlierDetector, IgnoresHostsThatLeft) {
  Cluster cluster(2, generous());
  const auto gone = cluster.hosts[1]->shared_state();
  cluster.detector.set_hosts({cluster.hosts[0]});
  cluster.detector.on_consecutive(gone, Ejection::kConsecutive5xx, cluster.now);
  EXPECT_FALSE(gone->ejected());
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_5xx"), 0u);
}

TEST(OutlierDetector, IgnoresHostsThatAreEjectedAlready) {
  Cluster cluster(1, generous());
  cluster.respond(0, 500, 5);
  cluster.detector.on_consecutive(cluster.hosts[0]->shared_state(), Ejection::kConsecutiveGateway,
                                  cluster.now);
  EXPECT_EQ(cluster.stat("ejections_active"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_gateway_failure"), 0u);
}

// --- Caps ---

TEST(MaxEjectionPercent, IsOfAllMembers) {
  struct Case {
    int hosts;
    uint32_t percent;
    bool always_one;
    uint64_t ejected;
  };
  const Case cases[] = {
      {10, 10, false, 1}, {9, 10, false, 0},  {9, 10, true, 1},  {20, 10, false, 2},
      {3, 50, false, 1},  {4, 50, false, 2},  {4, 0, false, 0},  {4, 0, true, 1},
      {4, 100, false, 4}, {4, 200, false, 4}, {2, 34, false, 0}, {3, 34, false, 1},
  };
  for (const auto& test : cases) {
    OutlierDetection config;
    config.max_ejection_percent = test.percent;
    config.always_eject_one_host = test.always_one;
    Cluster cluster(test.hosts, config);
    for (size_t i = 0; i < cluster.hosts.size(); ++i) cluster.respond(i, 500, 5);
    EXPECT_EQ(cluster.stat("ejections_active"), test.ejected) << test.hosts << " " << test.percent;
    EXPECT_EQ(cluster.stat("ejections_overflow"), static_cast<uint64_t>(test.hosts) - test.ejected);
    EXPECT_EQ(cluster.stat("ejections_detected_consecutive_5xx"), static_cast<uint64_t>(test.hosts));
  }
}

TEST(SetHosts, ForgetsEjectedMembersThatLeft) {
  Cluster cluster(4, generous());
  cluster.respond(0, 500, 5);
  cluster.respond(1, 500, 5);
  EXPECT_EQ(cluster.stat("ejections_active"), 2u);
  cluster.detector.set_hosts({cluster.hosts[1], cluster.hosts[2]});
  EXPECT_EQ(cluster.stat("ejections_active"), 1u);
  cluster.detector.set_hosts({});
  EXPECT_EQ(cluster.stat("ejections_active"), 0u);
}

TEST(OutlierDetector, ItsEndTakesItsActiveEjectionsOutOfTheGauge) {
  StatBlock stats(outlier_stat_schema());
  Random random(1);
  const HostList hosts = test::hosts_of(test::endpoints(1));
  {
    OutlierDetector detector(generous(), stats, random, nullptr);
    detector.set_hosts(hosts);
    detector.on_consecutive(hosts[0]->shared_state(), Ejection::kConsecutive5xx, MonotonicTime{});
    EXPECT_EQ(stats.value(1), 1u);
  }
  EXPECT_EQ(stats.value(1), 0u);
}

TEST(OutlierDetector, CanReturnEverybodyAtOnce) {
  Cluster cluster(3, generous());
  cluster.respond(0, 500, 5);
  cluster.respond(2, 500, 5);
  cluster.changes = 0;
  cluster.detector.return_all(cluster.now);
  EXPECT_FALSE(cluster.ejected(0) || cluster.ejected(2));
  EXPECT_EQ(cluster.stat("ejections_active"), 0u);
  EXPECT_EQ(cluster.changes, 1);
}

// --- Return and back-off ---

TEST(Return, ComesWhenTheTimeIsOver) {
  Cluster cluster(1, generous());
  cluster.respond(0, 500, 5);
  cluster.sweep_after(milliseconds(29999));
  EXPECT_TRUE(cluster.ejected(0));
  EXPECT_EQ(cluster.changes, 1);
  cluster.sweep_after(milliseconds(1));
  EXPECT_FALSE(cluster.ejected(0));
  EXPECT_EQ(cluster.changes, 2);
  EXPECT_EQ(cluster.stat("ejections_active"), 0u);
  cluster.respond(0, 500, 4);
  EXPECT_FALSE(cluster.ejected(0)) << "all counters began anew";
  cluster.respond(0, 500);
  EXPECT_TRUE(cluster.ejected(0));
}

TEST(Return, ForgetsErrorsOfEveryKind) {
  OutlierDetection config = generous();
  config.consecutive_gateway_failure = 6;
  Cluster cluster(1, config);
  cluster.respond(0, 503, 5);  // ejected as five 5xx; one short of six gateway errors
  ASSERT_TRUE(cluster.ejected(0));
  cluster.sweep_after(seconds(30));
  ASSERT_FALSE(cluster.ejected(0));
  cluster.respond(0, 503);
  EXPECT_EQ(cluster.stat("ejections_detected_consecutive_gateway_failure"), 0u);
}

/// How long the host stays away when it is ejected now.
seconds ejection_time(Cluster& cluster) {
  cluster.respond(0, 500, 5);
  EXPECT_TRUE(cluster.ejected(0));
  const MonotonicTime start = cluster.now;
  while (cluster.ejected(0)) cluster.sweep_after(seconds(1));
  return std::chrono::duration_cast<seconds>(cluster.now - start);
}

TEST(BackOff, GrowsWithEachEjectionUpToItsBound) {
  OutlierDetection config = generous();
  config.interval = seconds(100000);  // no decay
  config.base_ejection_time = seconds(30);
  config.max_ejection_time = seconds(100);
  Cluster cluster(1, config);
  std::vector<int64_t> times;
  for (int i = 0; i < 7; ++i) times.push_back(ejection_time(cluster).count());
  EXPECT_EQ(times, (std::vector<int64_t>{30, 60, 90, 100, 100, 100, 100}));
  EXPECT_EQ(cluster.host(0).monitor().backoff, 5u) << "it stops growing beyond max + base";
  EXPECT_EQ(cluster.host(0).monitor().ejections, 7u);
}

TEST(BackOff, DecaysWithEachHealthyInterval) {
  OutlierDetection config = generous();
  config.interval = seconds(10);
  Cluster cluster(1, config);
  for (int i = 0; i < 2; ++i) {
    cluster.respond(0, 500, 5);
    cluster.sweep_after(seconds(300));
    EXPECT_FALSE(cluster.ejected(0));
  }
  EXPECT_EQ(cluster.host(0).monitor().backoff, 2u) << "not in the sweep that returned it";
  cluster.sweep_after(seconds(9));
  EXPECT_EQ(cluster.host(0).monitor().backoff, 2u);
  cluster.sweep_after(seconds(1));
  EXPECT_EQ(cluster.host(0).monitor().backoff, 1u);
  cluster.sweep_after(seconds(1));
  EXPECT_EQ(cluster.host(0).monitor().backoff, 0u);
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.host(0).monitor().backoff, 0u);
}

TEST(BackOff, AHostThatWasNeverEjectedHasNone) {
  Cluster cluster(1, generous());
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.host(0).monitor().backoff, 0u);
  EXPECT_EQ(cluster.changes, 0);
}

TEST(Jitter, ComesOnTopOfTheEjectionTime) {
  OutlierDetection config = generous();
  config.max_ejection_time_jitter = milliseconds(5000);
  std::map<int64_t, int> seen;
  Cluster cluster(200, config);
  for (size_t i = 0; i < 200; ++i) {
    cluster.respond(i, 500, 5);
    const auto jitter = cluster.host(i).monitor().jitter;
    EXPECT_GE(jitter.count(), 0);
    EXPECT_LE(jitter.count(), 5000);
    ++seen[jitter.count()];
  }
  EXPECT_GT(seen.size(), 150u);
  const auto jitter = cluster.host(0).monitor().jitter;
  cluster.sweep_after(seconds(30) + jitter - milliseconds(1));
  EXPECT_TRUE(cluster.ejected(0));
  cluster.sweep_after(milliseconds(1));
  EXPECT_FALSE(cluster.ejected(0));
}

// --- Success rate ---

/// `good` of `total` requests succeed, spread so that no consecutive rule speaks up.
void traffic(Cluster& cluster, size_t host, int total, int good) {
  cluster.config.consecutive_5xx = cluster.config.consecutive_gateway_failure = 1000000;
  for (int i = 0; i < total; ++i) cluster.respond(host, i < good ? 200 : 500);
}

TEST(SuccessRate, EjectsWhoIsFarBelowTheMean) {
  Cluster cluster(5, generous());
  for (size_t i = 0; i < 4; ++i) traffic(cluster, i, 200, 200);
  traffic(cluster, 4, 200, 100);
  cluster.sweep_after(seconds(10));
  // Rates 100, 100, 100, 100, 50: mean 90, deviation 20, threshold 90 - 1.9 x 20.
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_average(false), 90);
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_threshold(false), 52);
  EXPECT_TRUE(cluster.ejected(4));
  EXPECT_EQ(cluster.stat("ejections_active"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_success_rate"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_success_rate"), 1u);
  EXPECT_EQ(cluster.stat("ejections_success_rate"), 1u);
  EXPECT_EQ(cluster.stat("ejections_total"), 1u);
  EXPECT_DOUBLE_EQ(cluster.host(4).monitor().success_rate, 50);
  EXPECT_DOUBLE_EQ(cluster.host(0).monitor().success_rate, 100);
  EXPECT_EQ(cluster.changes, 1);
}

TEST(SuccessRate, LooksAtTheTimeSinceTheLastSweepOnly) {
  Cluster cluster(5, generous());
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 200, i == 4 ? 0 : 200);
  cluster.sweep_after(seconds(10));
  EXPECT_TRUE(cluster.ejected(4));
  cluster.sweep_after(seconds(10));
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_average(false), -1) << "no requests since";
  EXPECT_DOUBLE_EQ(cluster.host(0).monitor().success_rate, -1);
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 200, i == 0 ? 150 : 200);
  cluster.sweep_after(seconds(10));
  EXPECT_DOUBLE_EQ(cluster.host(0).monitor().success_rate, 75);
  EXPECT_DOUBLE_EQ(cluster.host(1).monitor().success_rate, 100);
}

TEST(SuccessRate, NeedsHostsAndVolume) {
  {
    Cluster few(4, generous());
    for (size_t i = 0; i < 4; ++i) traffic(few, i, 200, i == 3 ? 0 : 200);
    few.sweep_after(seconds(10));
    EXPECT_EQ(few.stat("ejections_active"), 0u);
    EXPECT_DOUBLE_EQ(few.detector.success_rate_average(false), -1);
  }
  {
    Cluster quiet(5, generous());
    for (size_t i = 0; i < 5; ++i) traffic(quiet, i, i == 4 ? 99 : 100, i == 4 ? 0 : 100);
    quiet.sweep_after(seconds(10));
    EXPECT_EQ(quiet.stat("ejections_active"), 0u) << "only four hosts have the volume";
    EXPECT_DOUBLE_EQ(quiet.host(4).monitor().success_rate, 0)
        << "but the rate is shown from the lower volume on";
    EXPECT_DOUBLE_EQ(quiet.detector.success_rate_average(false), -1);
  }
}

TEST(SuccessRate, EqualHostsAreAllRight) {
  Cluster cluster(5, generous());
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 200, 20);
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.stat("ejections_active"), 0u);
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_threshold(false), 10);
}

TEST(SuccessRate, StdevFactorMovesTheThreshold) {
  OutlierDetection config = generous();
  config.success_rate_stdev_factor = 2100;
  Cluster cluster(5, config);
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 200, i == 4 ? 100 : 200);
  cluster.sweep_after(seconds(10));
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_threshold(false), 48);
  EXPECT_FALSE(cluster.ejected(4));
}

TEST(SuccessRate, EjectedHostsAreNotCounted) {
  Cluster cluster(6, generous());
  cluster.respond(5, 500, 5);
  ASSERT_TRUE(cluster.ejected(5));
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 200, 200);
  traffic(cluster, 5, 200, 0);
  cluster.sweep_after(seconds(10));
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_average(false), 100);
}

TEST(SuccessRate, LocalOriginHasItsOwn) {
  Cluster cluster(5, split());
  cluster.config.consecutive_local_origin_failure = 1000000;
  for (size_t i = 0; i < 5; ++i) {
    for (int n = 0; n < 200; ++n) {
      cluster.result(i, i == 4 && n < 100 ? OutlierResult::kConnectFailed : OutlierResult::kConnected);
    }
  }
  cluster.sweep_after(seconds(10));
  EXPECT_TRUE(cluster.ejected(4));
  EXPECT_EQ(cluster.stat("ejections_enforced_local_origin_success_rate"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_success_rate"), 0u);
  EXPECT_EQ(cluster.stat("ejections_total"), 0u) << "the deprecated counter knows only the external kinds";
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_threshold(true), 52);
  EXPECT_DOUBLE_EQ(cluster.detector.success_rate_threshold(false), -1);
  EXPECT_DOUBLE_EQ(cluster.host(4).monitor().local_success_rate, 50);
}

// --- Failure percentage ---

OutlierDetection by_failures() {
  OutlierDetection config = generous();
  config.enforcing_failure_percentage = 100;
  config.enforcing_success_rate = 0;
  return config;
}

TEST(FailurePercentage, EjectsAtTheThreshold) {
  Cluster cluster(5, by_failures());
  for (size_t i = 0; i < 3; ++i) traffic(cluster, i, 100, 100);
  traffic(cluster, 3, 100, 16);
  traffic(cluster, 4, 100, 15);
  cluster.sweep_after(seconds(10));
  EXPECT_FALSE(cluster.ejected(3)) << "84 % failed";
  EXPECT_TRUE(cluster.ejected(4)) << "85 % failed";
  EXPECT_EQ(cluster.stat("ejections_enforced_failure_percentage"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_failure_percentage"), 1u);
  EXPECT_EQ(cluster.stat("ejections_total"), 0u);
}

TEST(FailurePercentage, IsNotEnforcedByDefault) {
  OutlierDetection config = by_failures();
  config.enforcing_failure_percentage = 0;
  Cluster cluster(5, config);
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 100, i == 4 ? 0 : 100);
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.stat("ejections_active"), 0u);
  EXPECT_EQ(cluster.stat("ejections_detected_failure_percentage"), 1u);
}

TEST(FailurePercentage, HasMinimaOfItsOwn) {
  OutlierDetection config = by_failures();
  config.failure_percentage_minimum_hosts = 2;
  config.failure_percentage_request_volume = 10;
  Cluster cluster(2, config);
  traffic(cluster, 0, 10, 10);
  traffic(cluster, 1, 9, 0);
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.stat("ejections_active"), 0u) << "one host alone has the volume";
  traffic(cluster, 0, 10, 10);
  traffic(cluster, 1, 10, 0);
  cluster.sweep_after(seconds(10));
  EXPECT_TRUE(cluster.ejected(1));
}

TEST(FailurePercentage, LocalOriginHasItsOwn) {
  OutlierDetection config = split();
  config.enforcing_local_origin_success_rate = 0;
  config.enforcing_failure_percentage_local_origin = 100;
  Cluster cluster(5, config);
  cluster.config.consecutive_local_origin_failure = 1000000;
  for (size_t i = 0; i < 5; ++i) {
    for (int n = 0; n < 60; ++n)
      cluster.result(i, i == 4 ? OutlierResult::kTimeout : OutlierResult::kConnected);
  }
  cluster.sweep_after(seconds(10));
  EXPECT_TRUE(cluster.ejected(4));
  EXPECT_EQ(cluster.stat("ejections_enforced_local_origin_failure_percentage"), 1u);
}

TEST(FailurePercentage, DoesNotEjectWhomTheSuccessRateHasEjected) {
  OutlierDetection config = by_failures();
  config.enforcing_success_rate = 100;
  Cluster cluster(5, config);
  for (size_t i = 0; i < 5; ++i) traffic(cluster, i, 200, i == 4 ? 0 : 200);
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.stat("ejections_active"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_success_rate"), 1u);
  EXPECT_EQ(cluster.stat("ejections_detected_failure_percentage"), 1u);
  EXPECT_EQ(cluster.stat("ejections_enforced_failure_percentage"), 0u);
  EXPECT_EQ(cluster.host(4).monitor().ejections, 1u);
}

TEST(Sweep, TellsOfAllItsChangesOnce) {
  Cluster cluster(20, by_failures());
  for (size_t i = 0; i < 20; ++i) traffic(cluster, i, 100, i < 5 ? 0 : 100);
  cluster.sweep_after(seconds(10));
  EXPECT_EQ(cluster.stat("ejections_active"), 5u);
  EXPECT_EQ(cluster.changes, 1);
}

// --- The log of ejections ---

std::string line_of(const Cluster& cluster, size_t host, const std::string& rest, const std::string& since) {
  return R"("timestamp":"1970-01-01T00:00:00.000Z",)" + since + R"("cluster_name":"c","upstream_url":")" +
         cluster.hosts[host]->endpoint().address_text + R"(",)" + rest + "}\n";
}

TEST(EjectionLog, TellsOfEjectionsAndReturns) {
  Cluster cluster(2, generous());
  cluster.respond(0, 500, 5);
  cluster.sweep_after(seconds(30));
  cluster.respond(0, 500, 4);
  cluster.now += milliseconds(2900);
  cluster.respond(0, 500);
  const std::string type = R"({"type":"CONSECUTIVE_5XX",)";
  const auto ejected = [&](int times, const std::string& since) {
    return type + line_of(cluster, 0,
                          R"("action":"EJECT","num_ejections":)" + std::to_string(times) +
                              R"(,"enforced":true,"eject_consecutive_event":{})",
                          since);
  };
  ASSERT_EQ(cluster.log.size(), 3u);
  EXPECT_EQ(cluster.log[0], ejected(1, ""));
  EXPECT_EQ(cluster.log[1],
            type + line_of(cluster, 0, R"("action":"UNEJECT","num_ejections":1,"enforced":false)",
                           R"("secs_since_last_action":"30",)"));
  EXPECT_EQ(cluster.log[2], ejected(2, R"("secs_since_last_action":"2",)"));
}

TEST(EjectionLog, TellsWhatIsNotEnforcedAndNothingOfWhatMayNotBe) {
  OutlierDetection config = generous();
  config.enforcing_consecutive_5xx = 0;
  Cluster lenient(1, config);
  lenient.respond(0, 500, 5);
  ASSERT_EQ(lenient.log.size(), 1u);
  EXPECT_NE(lenient.log[0].find(R"("num_ejections":0,"enforced":false,"eject_consecutive_event":{}})"),
            std::string::npos)
      << lenient.log[0];

  config = {};
  config.max_ejection_percent = 0;
  Cluster forbidding(1, config);
  forbidding.respond(0, 500, 5);
  EXPECT_TRUE(forbidding.log.empty());
}

TEST(EjectionLog, HasTheRatesThatLedToIt) {
  Cluster by_rate(5, generous());
  for (size_t i = 0; i < 5; ++i) traffic(by_rate, i, 200, i == 4 ? 100 : 200);
  by_rate.sweep_after(seconds(10));
  ASSERT_EQ(by_rate.log.size(), 1u);
  EXPECT_NE(by_rate.log[0].find(
                R"("enforced":true,"eject_success_rate_event":{"host_success_rate":50,)"
                R"("cluster_average_success_rate":90,"cluster_success_rate_ejection_threshold":52}})"),
            std::string::npos)
      << by_rate.log[0];

  Cluster by_percentage(5, by_failures());
  for (size_t i = 0; i < 5; ++i) traffic(by_percentage, i, 200, i == 4 ? 10 : 200);
  by_percentage.sweep_after(seconds(10));
  ASSERT_EQ(by_percentage.log.size(), 2u) << "the success rate would not have been enforced";
  EXPECT_NE(by_percentage.log[1].find(R"("eject_failure_percentage_event":{"host_success_rate":5}})"),
            std::string::npos)
      << by_percentage.log[1];
}

}  // namespace
}  // namespace remora
