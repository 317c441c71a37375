#include "telemetry/traffic_store.h"

#include <gtest/gtest.h>

#include <boost/json/array.hpp>

namespace remora::telemetry {
namespace {

using namespace std::chrono_literals;
using rollout::TrafficWindow;

/// A store whose time the test moves, and one proxy after another that reports to it.
class TrafficStoreTest : public ::testing::Test {
 protected:
  struct Proxy {
    std::string id;
    uint64_t stream;
    std::map<std::string, uint64_t> counters;
  };

  Proxy connect(const std::string& id) { return {id, store_.begin_stream(id), {}}; }
  /// A flush of the proxy's counters; `slow`: durations of that many requests, in the bucket up to 500 ms.
  void flush(Proxy& proxy, uint32_t slow = 0) {
    Report report;
    for (const auto& [what, count] : proxy.counters) {
      Reported metric;
      metric.key = {"default", "api", what.substr(0, 2), "api-" + what.substr(0, 2), reporter_};
      metric.failure = what.ends_with("5");
      metric.value = count;
      metric.labels = std::hash<std::string>()(what);
      report.metrics.push_back(metric);
      if (slow == 0) continue;
      metric.is_counter = false;
      metric.durations.slower[8] = slow;
      report.metrics.push_back(metric);
    }
    report.flush = report.metrics.empty() ? 0 : ++flushes_;
    report.has_istio = !report.metrics.empty() && reporter_ != Reporter::kCluster;
    store_.take(proxy.id, proxy.stream, report);
  }
  TrafficWindow window(const std::string& version, Milliseconds length) const {
    return store_.window({"default", "api", version, {}}, length);
  }

  Time now_{Time{} + 1000h};
  TrafficStore store_{[this] { return now_; }};
  Reporter reporter_ = Reporter::kDestination;
  int64_t flushes_ = 0;
};

TEST_F(TrafficStoreTest, CountsWhatHappenedWithinTheWindow) {
  Proxy proxy = connect("a");
  flush(proxy);  // nothing yet: counting begins
  for (int i = 1; i <= 20; ++i) {
    now_ += 5s;
    proxy.counters["v1 200"] += 10;
    if (i > 10) proxy.counters["v1 5"] += 1;
    flush(proxy, 1);
  }
  const TrafficWindow all = window("v1", 1h);
  EXPECT_EQ(all.requests, 210u);
  EXPECT_EQ(all.failures, 10u);
  EXPECT_EQ(all.covered, 100s);
  EXPECT_EQ(all.cumulative.back(), 30u);
  EXPECT_EQ(all.bounds_ms[8], 500);
  EXPECT_EQ(all.cumulative[7], 0u);
  EXPECT_EQ(all.cumulative[8], 30u);
  const TrafficWindow half = window("v1", 50s);
  EXPECT_EQ(half.requests, 110u);
  EXPECT_EQ(half.covered, 50s);
  EXPECT_EQ(window("v2", 1h).requests, 0u);
  EXPECT_EQ(window("v2", 1h).covered, 100s);  // there are reports, and they say: no traffic
  EXPECT_EQ(store_.window({"other", "api", "v1", {}}, 1h).requests, 0u);
  EXPECT_EQ(store_.window({"default", "api", "", {"api-v1"}}, 1h).requests, 210u);
  EXPECT_EQ(store_.window({"default", "api", "", {"api-v3"}}, 1h).requests, 0u);
}

TEST_F(TrafficStoreTest, WhatBeganBeforeTheWindowDoesNotCount) {
  Proxy proxy = connect("a");
  flush(proxy);
  now_ += 30s;
  proxy.counters["v1 200"] = 1000;
  flush(proxy);  // of any moment of the 30 seconds
  now_ += 5s;
  proxy.counters["v1 200"] = 1003;
  flush(proxy);
  now_ += 2s;  // in flight: not reported yet
  EXPECT_EQ(window("v1", 10s).requests, 3u);
  EXPECT_EQ(window("v1", 10s).covered, 8s);
  EXPECT_EQ(window("v1", 60s).requests, 1003u);
}

TEST_F(TrafficStoreTest, TheFirstFlushIsWhereCountingBegins) {
  Proxy old = connect("old");
  old.counters["v1 200"] = 5000;
  flush(old, 7);  // of hours ago: this control plane was not there
  now_ += 5s;
  old.counters["v1 200"] = 5001;
  old.counters["v2 200"] = 4;  // a counter that was not there before began at 0
  flush(old);
  EXPECT_EQ(window("v1", 1h).requests, 1u);
  EXPECT_EQ(window("v1", 1h).cumulative.back(), 0u);
  EXPECT_EQ(window("v2", 1h).requests, 4u);
  EXPECT_EQ(window("v2", 1h).covered, 5s);
}

TEST_F(TrafficStoreTest, AFlushInSeveralMessagesIsOne) {
  Proxy proxy = connect("a");
  proxy.counters["v1 200"] = 100;
  flush(proxy);
  --flushes_;
  proxy.counters = {{"v2 200", 100}};
  flush(proxy);  // of the same flush: still the beginning
  now_ += 5s;
  proxy.counters = {{"v1 200", 101}};
  flush(proxy);
  now_ += 5ms;
  --flushes_;
  proxy.counters = {{"v2 200", 102}};
  flush(proxy);
  EXPECT_EQ(window("v1", 1h).requests, 1u);
  EXPECT_EQ(window("v2", 1h).requests, 2u);
}

TEST_F(TrafficStoreTest, RestartsAndReconnectsLoseNothingAndCountNothingTwice) {
  Proxy proxy = connect("a");
  flush(proxy);
  now_ += 1s;
  proxy.counters["v1 200"] = 50;
  flush(proxy);
  store_.end_stream(proxy.id, proxy.stream);
  now_ += 10s;
  Proxy again = connect("a");  // the same process: its connection broke
  again.counters["v1 200"] = 53;
  flush(again);
  EXPECT_EQ(window("v1", 1h).requests, 53u);
  Proxy restarted = connect("a");  // before we noticed that the old one is gone
  now_ += 1s;
  restarted.counters["v1 200"] = 2;
  flush(restarted);
  EXPECT_EQ(window("v1", 1h).requests, 55u);
  again.counters["v1 200"] = 70;
  flush(again);  // of a stream that does not count any more
  EXPECT_EQ(window("v1", 1h).requests, 55u);
  store_.end_stream(again.id, again.stream);  // neither does its end
  EXPECT_EQ(store_.counts().proxies, 1u);
}

TEST_F(TrafficStoreTest, AProxyThatStaysAwayIsForgotten) {
  Proxy proxy = connect("a");
  proxy.counters["v1 200"] = 50;
  flush(proxy);
  store_.end_stream(proxy.id, proxy.stream);
  now_ += 61s;
  connect("b");
  Proxy again = connect("a");
  again.counters["v1 200"] = 90;
  flush(again);
  EXPECT_EQ(window("v1", 1h).requests, 0u);
}

TEST_F(TrafficStoreTest, TheDestinationKnowsBest) {
  Proxy caller = connect("caller");
  Proxy stock = connect("stock");
  Proxy inbound = connect("inbound");
  for (Proxy* proxy : {&caller, &stock, &inbound}) flush(*proxy);
  const auto report = [&](Proxy& proxy, Reporter reporter, uint64_t count) {
    reporter_ = reporter;
    proxy.counters["v1 200"] += count;
    flush(proxy);
  };
  now_ += 1s;
  report(stock, Reporter::kCluster, 3);
  EXPECT_EQ(window("v1", 1h).requests, 3u);
  report(caller, Reporter::kSource, 5);
  EXPECT_EQ(window("v1", 1h).requests, 5u);
  report(inbound, Reporter::kDestination, 7);
  EXPECT_EQ(window("v1", 1h).requests, 7u);
  now_ += 30s;
  report(caller, Reporter::kSource, 2);  // nothing arrives there any more: its callers know
  EXPECT_EQ(window("v1", 10s).requests, 0u);
  now_ += 5s;
  report(caller, Reporter::kSource, 2);
  EXPECT_EQ(window("v1", 10s).requests, 2u);
}

TEST_F(TrafficStoreTest, ACallerWithIstiosStatisticsIsNotCountedByItsClustersToo) {
  Proxy proxy = connect("a");
  reporter_ = Reporter::kSource;
  proxy.counters["v1 200"] = 1;
  flush(proxy);
  now_ += 1s;
  reporter_ = Reporter::kCluster;
  proxy.counters["v2 200"] = 9;
  flush(proxy);
  EXPECT_EQ(window("v2", 1h).requests, 0u);
}

TEST_F(TrafficStoreTest, ProxiesThatFallSilentEndTheCoveredTime) {
  Proxy proxy = connect("a");
  flush(proxy);
  now_ += 60s;
  flush(proxy);
  EXPECT_EQ(window("v1", 60s).covered, 60s);
  now_ += 45s;
  EXPECT_EQ(window("v1", 60s).covered, 15s);
  now_ += 45s;
  EXPECT_EQ(window("v1", 60s).covered, 0s);
  EXPECT_EQ(TrafficStore().window({"default", "api", "v1", {}}, 60s).covered, 0s);
}

TEST_F(TrafficStoreTest, SeriesAndTheirHistoryAreBounded) {
  Proxy proxy = connect("a");
  flush(proxy);
  now_ += 1s;
  Report report;
  report.flush = ++flushes_;
  for (size_t i = 0; i < TrafficStore::kMaxSeries + 10; ++i) {
    Reported metric;
    metric.key = {"default", "api" + std::to_string(i), "v1", "", Reporter::kSource};
    metric.value = 1;
    metric.labels = i;
    report.metrics.push_back(metric);
  }
  store_.take(proxy.id, proxy.stream, report);
  EXPECT_EQ(store_.counts().series, TrafficStore::kMaxSeries);
  EXPECT_EQ(store_.counts().dropped, 10u);

  TrafficStore crowded([this] { return now_; });  // clusters leave room for what is known better
  const uint64_t stream = crowded.begin_stream("a");
  crowded.take("a", stream, {});
  now_ += 1s;
  for (Reported& metric : report.metrics) metric.key.reporter = Reporter::kCluster;
  report.metrics.back().key.reporter = Reporter::kDestination;
  crowded.take("a", stream, report);
  EXPECT_EQ(crowded.counts().series, TrafficStore::kMaxSeries / 2 + 1);
  now_ += 2h;
  flush(proxy);
  EXPECT_EQ(store_.counts().series, 0u);
}

TEST_F(TrafficStoreTest, OldReportsAreKeptForAnHourLessPrecisely) {
  Proxy proxy = connect("a");
  flush(proxy);
  for (int i = 0; i < 2 * 3600; ++i) {
    now_ += 1s;
    proxy.counters["v1 200"] += 1;
    flush(proxy);
  }
  EXPECT_NEAR(static_cast<double>(window("v1", 30min).requests), 1800, 10);
  EXPECT_EQ(window("v1", 60s).requests, 60u);
  EXPECT_LE(window("v1", 2h).requests, 3611u);
}

TEST_F(TrafficStoreTest, TheLiveViewShowsRatesOverTheNewestReports) {
  Proxy proxy = connect("a");
  flush(proxy);
  for (int i = 0; i < 12; ++i) {
    now_ += 5s;
    proxy.counters["v1 200"] += 45;
    proxy.counters["v1 5"] += 5;
    proxy.counters["v2 200"] += 5;
    flush(proxy, 50);
  }
  now_ += 4s;  // the next report is on its way: rates stay
  const auto view = store_.view();
  EXPECT_EQ(view.at("proxies").to_number<int>(), 1);
  const auto& services = view.at("services").as_array();
  ASSERT_EQ(services.size(), 1u);
  EXPECT_EQ(services[0].at("namespace").as_string(), "default");
  EXPECT_EQ(services[0].at("name").as_string(), "api");
  const auto& versions = services[0].at("versions").as_array();
  ASSERT_EQ(versions.size(), 2u);
  const auto& v1 = versions[0];
  EXPECT_EQ(v1.at("version").as_string(), "v1");
  EXPECT_EQ(v1.at("reporter").as_string(), "destination");
  EXPECT_EQ(v1.at("workloads").as_array().at(0).as_string(), "api-v1");
  EXPECT_EQ(v1.at("requests").to_number<int>(), 100);
  EXPECT_NEAR(v1.at("requestsPerSecond").to_number<double>(), 10, 0.01);
  EXPECT_NEAR(v1.at("successRate").to_number<double>(), 90, 0.01);
  EXPECT_NEAR(v1.at("p50Ms").to_number<double>(), 375, 0.5);
  EXPECT_NEAR(versions[1].at("requestsPerSecond").to_number<double>(), 1, 0.01);
  const auto& rates = v1.at("series").at("requestsPerSecond").as_array();
  ASSERT_GE(rates.size(), 29u);
  for (size_t i = 1; i + 1 < rates.size(); ++i) EXPECT_NEAR(rates[i].to_number<double>(), 10, 0.01) << i;
  EXPECT_FALSE(
      store_.numbers().at("services").as_array()[0].at("versions").at(0).as_object().contains("series"));
}

}  // namespace
}  // namespace remora::telemetry
