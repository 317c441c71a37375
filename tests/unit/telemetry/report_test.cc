#include "telemetry/report.h"

#include <gtest/gtest.h>

#include <limits>

#include "api/metrics_service.pb.h"

namespace remora::telemetry {
namespace {

namespace prom = io::prometheus::client;
using Message = envoy::service::metrics::v3::StreamMetricsMessage;
using Labels = std::vector<std::pair<std::string, std::string>>;

prom::Metric& add(Message& message, const std::string& name, const Labels& labels) {
  auto& family = *message.add_envoy_metrics();
  family.set_name(name);
  auto& metric = *family.add_metric();
  metric.set_timestamp_ms(77);
  for (const auto& [key, value] : labels) {
    auto& label = *metric.add_label();
    label.set_name(key);
    label.set_value(value);
  }
  return metric;
}

Labels istio(const std::string& reporter, const std::string& code) {
  return {{"reporter", reporter},
          {"destination_workload", "api-v2"},
          {"destination_workload_namespace", "shop"},
          {"destination_canonical_service", "api"},
          {"destination_version", "v2"},
          {"response_code", code}};
}

TEST(ReportTest, ReadsIstiosRequests) {
  Message message;
  message.mutable_identifier()->mutable_node()->set_id("n1");
  add(message, "istio_requests_total", istio("destination", "503")).mutable_counter()->set_value(9);
  add(message, "istio_requests_total", istio("destination", "200")).mutable_counter()->set_value(5);
  add(message, "server.uptime", {}).mutable_gauge()->set_value(5);
  const Report report = read_report(message);
  EXPECT_EQ(report.node_id, "n1");
  EXPECT_EQ(report.flush, 77);
  EXPECT_TRUE(report.has_istio);
  ASSERT_EQ(report.metrics.size(), 2u);
  const Reported& first = report.metrics[0];
  EXPECT_EQ(first.key, (SeriesKey{"shop", "api", "v2", "api-v2", Reporter::kDestination}));
  EXPECT_TRUE(first.failure);
  EXPECT_TRUE(first.is_counter);
  EXPECT_EQ(first.value, 9u);
  EXPECT_FALSE(report.metrics[1].failure);
  EXPECT_NE(first.labels, report.metrics[1].labels);
}

TEST(ReportTest, ReadsDurationsWhateverTheirBounds) {
  Message message;
  auto& histogram =
      *add(message, "istio_request_duration_milliseconds", istio("source", "200")).mutable_histogram();
  histogram.set_sample_count(10);
  for (const auto& [bound, count] : {std::pair{5.0, 3}, {7.0, 5}, {100.0, 9}}) {
    auto& bucket = *histogram.add_bucket();
    bucket.set_upper_bound(bound);
    bucket.set_cumulative_count(static_cast<uint64_t>(count));
  }
  const Report report = read_report(message);
  ASSERT_EQ(report.metrics.size(), 1u);
  const auto& slower = report.metrics[0].durations.slower;
  EXPECT_EQ(slower[2], 3u);      // up to 5
  EXPECT_EQ(slower[3], 2u);      // 7 becomes 10
  EXPECT_EQ(slower[6], 4u);      // up to 100
  EXPECT_EQ(slower.back(), 1u);  // beyond all that were named
}

TEST(ReportTest, AClusterStandsForTheWorkloadsBehindIt) {
  Message message;
  const std::string name = "outbound|8080|v2|api.shop.svc.cluster.local";
  add(message, "cluster.upstream_rq_xx", {{"envoy.response_code_class", "5"}, {"envoy.cluster_name", name}})
      .mutable_counter()
      ->set_value(4);
  add(message, "cluster.upstream_rq_time", {{"envoy.cluster_name", "outbound|80||db.example.com"}})
      .mutable_histogram()
      ->set_sample_count(1);
  add(message, "cluster.shop.svc.cluster.local.upstream_rq_time",
      {{"envoy.cluster_name", "outbound|80|v1|api"}})
      .mutable_histogram()
      ->set_sample_count(1);
  for (const char* other : {"outbound|80|v1|api.shop.svc.cluster.local.external", "inbound|8080||",
                            "xds-grpc", "outbound|8080|v2", "outbound|||", "a|b|c|d|e"}) {
    add(message, "cluster.upstream_rq_xx", {{"envoy.cluster_name", other}}).mutable_counter()->set_value(1);
  }
  const Report report = read_report(message);
  EXPECT_FALSE(report.has_istio);
  ASSERT_EQ(report.metrics.size(), 3u);
  EXPECT_EQ(report.metrics[0].key, (SeriesKey{"shop", "api", "v2", "", Reporter::kCluster}));
  EXPECT_EQ(report.metrics[2].key, (SeriesKey{"shop", "api", "v1", "", Reporter::kCluster}));
  EXPECT_TRUE(report.metrics[0].failure);
  EXPECT_EQ(report.metrics[1].key, (SeriesKey{"", "db.example.com", "", "", Reporter::kCluster}));
}

TEST(ReportTest, NoticesTagsWithinNames) {
  for (const char* name : {"istiocustom.reporter=source;.istio_requests_total",
                           "cluster.outbound|80|v1|api.shop.svc.cluster.local.upstream_rq_xx"}) {
    Message message;
    add(message, name, {}).mutable_counter()->set_value(5);
    EXPECT_TRUE(read_report(message).unlabelled) << name;
  }
  Message message;
  add(message, "istio_requests_total", istio("source", "200")).mutable_counter()->set_value(5);
  add(message, "cluster.upstream_rq_xx", {}).mutable_counter()->set_value(5);
  add(message, "istiocustom.istio_requests_total", istio("source", "200")).mutable_counter()->set_value(7);
  EXPECT_FALSE(read_report(message).unlabelled);
  EXPECT_EQ(read_report(message).metrics.back().value, 7u);  // as Istio's own proxies name it
}

TEST(ReportTest, TakesNothingFromNonsense) {
  Message message;
  add(message, "istio_requests_total", {}).mutable_counter()->set_value(5);  // whose?
  add(message, "istio_requests_total", istio("waypoint", "200")).mutable_counter()->set_value(5);
  add(message, "istio_requests_total", istio("source", "200"));  // no value
  auto unknown = istio("source", "200");
  unknown[3].second = "unknown";
  add(message, "istio_requests_total", unknown).mutable_counter()->set_value(5);
  auto endless = istio("source", "200");
  endless[3].second = std::string(5000, 'x');
  add(message, "istio_requests_total", endless).mutable_counter()->set_value(5);
  EXPECT_TRUE(read_report(message).metrics.empty());

  for (const double value : {-1.0, std::numeric_limits<double>::infinity(), std::nan(""), 1e300}) {
    Message odd;
    add(odd, "istio_requests_total", istio("source", "200")).mutable_counter()->set_value(value);
    EXPECT_EQ(read_report(odd).metrics.at(0).value, 0u) << value;
  }
  Message shrinking;  // cumulative counts that fall
  auto& histogram =
      *add(shrinking, "istio_request_duration_milliseconds", istio("source", "200")).mutable_histogram();
  for (const uint64_t count : {9u, 4u, 11u}) histogram.add_bucket()->set_cumulative_count(count);
  EXPECT_EQ(read_report(shrinking).metrics.at(0).durations.slower[0], 11u);
}

}  // namespace
}  // namespace remora::telemetry
