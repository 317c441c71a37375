#include <gtest/gtest.h>

#include "admin/commands.h"
#include "unit/proxy/admin_fakes.h"
#include "unit/proxy/prometheus_parser.h"

namespace remora {
namespace {

enum ClusterStat : size_t { kTotal, kActive, k2xx, k5xx, kTime };
constexpr StatDef kCluster[] = {
    {.name = "upstream_rq_total"},
    {.name = "upstream_rq_active", .kind = StatKind::kGauge},
    {.name = "upstream_rq_2xx",
     .prometheus_name = "upstream_rq_xx",
     .tag_name = "envoy_response_code_class",
     .tag_value = "2"},
    {.name = "upstream_rq_5xx",
     .prometheus_name = "upstream_rq_xx",
     .tag_name = "envoy_response_code_class",
     .tag_value = "5"},
    {.name = "upstream_rq_time", .kind = StatKind::kHistogram},
};
constexpr StatDef kOne[] = {{.name = "requests_total"}};

struct AdminStats : ::testing::Test, AdminFixture {
  std::shared_ptr<StatScope> cluster(const std::string& name) {
    return stats.make_scope(kCluster, {.prefix = "cluster." + name + ".",
                                       .prometheus_prefix = "envoy_cluster_",
                                       .tags = {{"envoy_cluster_name", name}},
                                       .status_prefix = "upstream_rq_"});
  }

  std::string get(const std::string& target, unsigned status = 200) {
    admin::Response response = admin::answer(admin::Request("GET", target), sources);
    EXPECT_EQ(response.status, status) << target;
    std::string body = std::move(response.body);
    while (response.more && response.more(body)) {}
    return body;
  }
};

TEST_F(AdminStats, TextIsSortedValuesFirstThenHistograms) {
  auto b = cluster("b");
  auto a = cluster("a");
  a->block(0).add(kTotal, 3);
  a->block(1).add(kTotal, 4);
  a->block(1).count_status(404);
  a->block(1).add(k5xx);
  // Classes of statuses show once they have occurred, other values always.
  EXPECT_EQ(
      get("/stats"),
      "cluster.a.upstream_rq_404: 1\ncluster.a.upstream_rq_5xx: 1\n"
      "cluster.a.upstream_rq_active: 0\ncluster.a.upstream_rq_total: 7\n"
      "cluster.b.upstream_rq_active: 0\ncluster.b.upstream_rq_total: 0\n"
      "cluster.a.upstream_rq_time: No recorded values\ncluster.b.upstream_rq_time: No recorded values\n");
  EXPECT_EQ(view.refreshed, 1);
}

TEST_F(AdminStats, NestedPrefixesAreSortedTogether) {
  auto inner = stats.make_scope(
      kOne, {.prefix = "http.in.rbac.", .prometheus_prefix = "envoy_http_rbac_", .tags = {}});
  auto outer = stats.make_scope(kOne, {.prefix = "http.in.", .prometheus_prefix = "envoy_http_", .tags = {}});
  auto other =
      stats.make_scope(kOne, {.prefix = "http.in.s", .prometheus_prefix = "envoy_http_s_", .tags = {}});
  EXPECT_EQ(get("/stats"),
            "http.in.rbac.requests_total: 0\nhttp.in.requests_total: 0\nhttp.in.srequests_total: 0\n");
}

TEST_F(AdminStats, HistogramsInText) {
  auto a = cluster("a");
  for (int i = 0; i < 100; ++i) a->block(0).record(kTime, 5);
  const std::string only = "/stats?type=Histograms&filter=time";
  EXPECT_EQ(get(only).substr(0, 46), "cluster.a.upstream_rq_time: P0(nan,5) P25(nan,");
  EXPECT_NE(get(only).find(" P99.5(nan,"), std::string::npos);
  EXPECT_NE(get(only + "&histogram_buckets=cumulative").find("time: B0.5(0,0) B1(0,0) B5(0,100) B10(0,100) "),
            std::string::npos)
      << get(only + "&histogram_buckets=cumulative");
  EXPECT_NE(get(only + "&histogram_buckets=disjoint").find("time: B0.5(0,0) B1(0,0) B5(0,100) B10(0,0) "),
            std::string::npos);
  EXPECT_TRUE(
      get(only + "&histogram_buckets=detailed")
          .starts_with("cluster.a.upstream_rq_time:\n  totals=5,1:100\n  intervals=\n  summary=P0(nan,5) "))
      << get(only + "&histogram_buckets=detailed");
}

TEST_F(AdminStats, FilterTypeAndUsedOnly) {
  auto a = cluster("a");
  auto b = cluster("b");
  a->block(0).add(kTotal, 2);
  a->block(0).set(kActive, 1);
  EXPECT_EQ(get("/stats?usedonly"), "cluster.a.upstream_rq_active: 1\ncluster.a.upstream_rq_total: 2\n");
  EXPECT_EQ(get("/stats?type=Gauges"), "cluster.a.upstream_rq_active: 1\ncluster.b.upstream_rq_active: 0\n");
  EXPECT_EQ(get("/stats?filter=b.*total$"), "cluster.b.upstream_rq_total: 0\n");
  EXPECT_EQ(get("/stats?usedonly&filter=total$&invert_filter"), "cluster.a.upstream_rq_active: 1\n");
  EXPECT_EQ(get("/stats?type=TextReadouts"), "");
  EXPECT_EQ(get("/stats?type=gauges", 400), "invalid &type= param\n");
  EXPECT_EQ(get("/stats?filter=(", 400), "Invalid re2 regex: missing ): (\n");
  EXPECT_EQ(get("/stats?format=html", 400), "usage: /stats?format=(json|prometheus|text)\n\n");
  EXPECT_EQ(get("/stats/prometheus?histogram_buckets=detailed", 400),
            "unsupported prometheus histogram bucket mode\n");
}

TEST_F(AdminStats, Json) {
  auto a = cluster("a");
  a->block(0).add(kTotal, 2);
  EXPECT_EQ(get("/stats?format=json&filter=total"),
            R"({"stats":[{"name":"cluster.a.upstream_rq_total","value":2}]})");
  EXPECT_EQ(get("/stats?format=json&filter=none"), R"({"stats":[]})");
  EXPECT_EQ(
      get("/stats?format=json&filter=time"),
      R"({"stats":[{"histograms":{"supported_quantiles":[0,25,50,75,90,95,99,99.5,99.9,100],"computed_quantiles":[)"
      R"({"name":"cluster.a.upstream_rq_time","values":[)"
      R"({"cumulative":null,"interval":null},{"cumulative":null,"interval":null},{"cumulative":null,"interval":null},)"
      R"({"cumulative":null,"interval":null},{"cumulative":null,"interval":null},{"cumulative":null,"interval":null},)"
      R"({"cumulative":null,"interval":null},{"cumulative":null,"interval":null},{"cumulative":null,"interval":null},)"
      R"({"cumulative":null,"interval":null}]}]}}]})");
  a->block(0).record(kTime, 3);
  const std::string buckets = get("/stats?format=json&filter=time&histogram_buckets=cumulative");
  EXPECT_TRUE(buckets.starts_with(
      R"({"stats":[{"histograms":[{"name":"cluster.a.upstream_rq_time","buckets":[{"upper_bound":0.5,)"))
      << buckets;
  EXPECT_NE(buckets.find(R"({"upper_bound":300000,"interval":0,"cumulative":1})"), std::string::npos)
      << buckets;
}

TEST_F(AdminStats, PrometheusIsWellFormed) {
  auto a = cluster("a");
  auto b = cluster("b\"\\\n\xff");
  // The same metric from another schema: one TYPE line, one run of samples.
  auto other = stats.make_scope(
      kOne, {.prefix = "cluster.z.", .prometheus_prefix = "envoy_cluster_", .tags = {{"1 x", "y"}}});
  constexpr StatDef kSame[] = {{.name = "upstream_rq_total"}};
  auto same =
      stats.make_scope(kSame, {.prefix = "vcluster.", .prometheus_prefix = "envoy_cluster_", .tags = {}});
  a->block(0).add(kTotal, 5);
  a->block(0).add(k5xx, 2);
  a->block(0).count_status(503);
  a->block(0).record(kTime, 7);
  a->block(1).record(kTime, 700);

  const PrometheusText text(get("/stats/prometheus"));
  EXPECT_EQ(text.types.at("envoy_cluster_upstream_rq_total"), "counter");
  EXPECT_EQ(text.types.at("envoy_cluster_upstream_rq_active"), "gauge");
  EXPECT_EQ(text.types.at("envoy_cluster_upstream_rq_time"), "histogram");
  EXPECT_EQ(text.count("envoy_cluster_upstream_rq_total"), 3u);
  EXPECT_EQ(text.value("envoy_cluster_upstream_rq_total", {{"envoy_cluster_name", "a"}}), 5);
  EXPECT_EQ(text.value("envoy_cluster_upstream_rq_total", {{"envoy_cluster_name", "b\"\\\n\xef\xbf\xbd"}}),
            0);
  EXPECT_EQ(text.value("envoy_cluster_upstream_rq_xx",
                       {{"envoy_cluster_name", "a"}, {"envoy_response_code_class", "5"}}),
            2);
  EXPECT_EQ(text.value("envoy_cluster_upstream_rq", {{"envoy_response_code", "503"}}), 1);
  EXPECT_EQ(text.value("envoy_cluster_requests_total", {{"_1_x", "y"}}), 0);

  const PrometheusText::Labels of_a = {{"envoy_cluster_name", "a"}};
  const auto bucket = [&](const char* le) {
    return text.value("envoy_cluster_upstream_rq_time_bucket", {{"envoy_cluster_name", "a"}, {"le", le}});
  };
  EXPECT_EQ(bucket("5"), 0);
  EXPECT_EQ(bucket("10"), 1);
  EXPECT_EQ(bucket("500"), 1);
  EXPECT_EQ(bucket("1000"), 2);
  EXPECT_EQ(bucket("3600000"), 2);
  EXPECT_EQ(bucket("+Inf"), 2);
  EXPECT_EQ(text.count("envoy_cluster_upstream_rq_time_bucket", of_a), 20u);
  EXPECT_EQ(text.value("envoy_cluster_upstream_rq_time_sum", of_a), 707);
  EXPECT_EQ(text.value("envoy_cluster_upstream_rq_time_count", of_a), 2);
}

TEST_F(AdminStats, PrometheusHasEnvoysLabelOrderAndFilters) {
  auto a = cluster("a");
  a->block(0).add(k5xx, 2);
  EXPECT_EQ(get("/stats?format=prometheus&usedonly"),
            "# TYPE envoy_cluster_upstream_rq_xx counter\n"
            "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"5\",envoy_cluster_name=\"a\"} 2\n");
  EXPECT_EQ(get("/stats/prometheus?filter=rq_active"),
            "# TYPE envoy_cluster_upstream_rq_active "
            "gauge\nenvoy_cluster_upstream_rq_active{envoy_cluster_name=\"a\"} 0\n");
  auto plain =
      stats.make_scope(kOne, {.prefix = "server.", .prometheus_prefix = "envoy_server_", .tags = {}});
  EXPECT_EQ(get("/stats/prometheus?filter=^server"),
            "# TYPE envoy_server_requests_total counter\nenvoy_server_requests_total{} 0\n");
}

TEST_F(AdminStats, PrometheusSummariesAndOwnBuckets) {
  auto a = cluster("a");
  a->block(0).record(kTime, 7);
  const PrometheusText summary(get("/stats/prometheus?histogram_buckets=summary&type=Histograms"));
  EXPECT_EQ(summary.types.at("envoy_cluster_upstream_rq_time"), "summary");
  EXPECT_EQ(summary.count("envoy_cluster_upstream_rq_time", {{"quantile", "0.99"}}), 1u);
  sources.prometheus_buckets = {100, 10};
  const PrometheusText own(get("/stats/prometheus?type=Histograms"));
  EXPECT_EQ(own.count("envoy_cluster_upstream_rq_time_bucket"), 3u);
  EXPECT_EQ(own.value("envoy_cluster_upstream_rq_time_bucket", {{"le", "10"}}), 1);
}

TEST_F(AdminStats, IstioRequestsAlsoAnswerUnderTheSeedsName) {
  auto scope = stats.make_scope(
      kOne, {.prefix = "istio.x.", .prometheus_prefix = "istio_", .tags = {{"response_code", "200"}}});
  scope->block(1).add(0, 9);
  const PrometheusText text(get("/stats/prometheus"));
  EXPECT_EQ(text.value("istio_requests_total", {{"response_code", "200"}}), 9);
  EXPECT_EQ(text.value("istio_request_total", {{"response_code", "200"}}), 9);
  EXPECT_EQ(text.types.at("istio_request_total"), "counter");
}

TEST_F(AdminStats, LongAnswersComeInPiecesAndSurviveScopesThatGo) {
  std::vector<std::shared_ptr<StatScope>> scopes;
  for (int i = 0; i < 5000; ++i) scopes.push_back(cluster("cluster-number-" + std::to_string(i)));
  admin::Response response = admin::answer(admin::Request("GET", "/stats/prometheus"), sources);
  scopes.clear();  // the answer holds what it prints
  std::string body;
  while (response.more(body)) {}
  EXPECT_EQ(PrometheusText(body).count("envoy_cluster_upstream_rq_total"), 5000u);
}

TEST_F(AdminStats, NoPieceIsLarge) {
  std::vector<std::shared_ptr<StatScope>> scopes;
  for (int i = 0; i < 5000; ++i) scopes.push_back(cluster("cluster-number-" + std::to_string(i)));
  for (const char* target : {"/stats", "/stats?format=json", "/stats/prometheus"}) {
    admin::Response response = admin::answer(admin::Request("GET", target), sources);
    bool more = true;
    size_t count = 0;
    while (more) {
      std::string piece;
      more = response.more(piece);
      EXPECT_LT(piece.size(), 200u * 1024) << target;
      ++count;
    }
    EXPECT_GT(count, 5u) << target;
  }
}

TEST_F(AdminStats, ResetCounters) {
  auto a = cluster("a");
  a->block(0).add(kTotal, 5);
  a->block(0).set(kActive, 5);
  EXPECT_EQ(admin::answer(admin::Request("POST", "/reset_counters"), sources).body, "OK\n");
  EXPECT_EQ(get("/stats?usedonly"), "cluster.a.upstream_rq_active: 5\n");
}

}  // namespace
}  // namespace remora
