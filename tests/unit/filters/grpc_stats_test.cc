#include "grpc_stats/grpc_stats.h"

#include <map>

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using FilterConfig = envoy::extensions::filters::http::grpc_stats::v3::FilterConfig;
using namespace std::string_view_literals;

constexpr auto kMessage = "\0\0\0\0\x02hi"sv;

struct GrpcStats : ::testing::Test {
  GrpcStats() { cluster.name = "backend:1"; }

  std::unique_ptr<HttpFilter> make(const FilterConfig& config) {
    const FilterFactoryContext context{stats, node, "http.in.", TrafficDirection::kOutbound};
    factory = make_filter("envoy.filters.http.grpc_stats",
                          "type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
                          config.SerializeAsString(), false, context, "http_filters[0].typed_config", report);
    return factory == nullptr ? nullptr : factory->create();
  }

  /// A whole call: one message each way, its status in the trailers.
  void call(HttpFilter& filter, std::string_view path, std::string_view status = "0") {
    FakeExchange exchange;
    exchange.request.set(HeaderId::kPath, path);
    exchange.request.set(HeaderId::kContentType, "application/grpc+proto");
    EXPECT_EQ(filter.on_request_head(exchange, exchange.request, false).kind(), Verdict::Kind::kContinue);
    exchange.info_.cluster = &cluster;
    filter.on_request_body(exchange, kMessage, true);
    exchange.response.add(HeaderId::kStatus, "200");
    exchange.response.add(HeaderId::kContentType, "application/grpc");
    EXPECT_EQ(filter.on_response_head(exchange, exchange.response, false).kind(), Verdict::Kind::kContinue);
    filter.on_response_body(exchange, kMessage, false);
    HeaderMap trailers;
    trailers.add(HeaderId::kGrpcStatus, status);
    exchange.info_.response_trailers = &trailers;
    filter.on_complete(exchange);
  }

  /// What is not 0, by its name in /stats.
  std::map<std::string, uint64_t> counts() const {
    std::map<std::string, uint64_t> found;
    for (const auto& scope : stats.scopes()) {
      for (size_t i = 0; i < scope->schema().size(); ++i) {
        const bool histogram = scope->schema()[i].kind == StatKind::kHistogram;
        const uint64_t value = histogram ? scope->histogram(i).count : scope->value(i);
        if (value != 0) found[scope->name().prefix + std::string(scope->schema()[i].name)] = value;
      }
    }
    return found;
  }

  StatsStore stats{3};
  NodeInfo node;
  ConfigReport report;
  ClusterConfig cluster;
  std::shared_ptr<const FilterFactory> factory;
};

using Counts = std::map<std::string, uint64_t>;

TEST_F(GrpcStats, WithoutMethodsAllCallsOfAClusterAreOne) {
  auto filter = make({});
  call(*filter, "/reviews.Reviews/Get");
  call(*filter, "/ratings.Ratings/Get", "14");
  EXPECT_EQ(counts(), (Counts{{"cluster.backend_1.grpc.0", 1},
                              {"cluster.backend_1.grpc.14", 1},
                              {"cluster.backend_1.grpc.success", 1},
                              {"cluster.backend_1.grpc.failure", 1},
                              {"cluster.backend_1.grpc.total", 2},
                              {"cluster.backend_1.grpc.request_message_count", 2},
                              {"cluster.backend_1.grpc.response_message_count", 2}}));
}

TEST_F(GrpcStats, TheAllowlistNamesMethodsAndTheRestHasNone) {
  FilterConfig config;
  auto* service = config.mutable_individual_method_stats_allowlist()->add_services();
  service->set_name("reviews.Reviews");
  service->add_method_names("Get");
  auto filter = make(config);
  call(*filter, "/reviews.Reviews/Get?x=1");
  call(*filter, "/reviews.Reviews/Put");
  EXPECT_EQ(counts().at("cluster.backend_1.grpc.reviews.Reviews.Get.total"), 1u);
  EXPECT_EQ(counts().at("cluster.backend_1.grpc.total"), 1u);
}

TEST_F(GrpcStats, EveryMethodWithDotsReplacedAndPrometheusTags) {
  FilterConfig config;
  config.mutable_stats_for_all_methods()->set_value(true);
  config.set_replace_dots_in_grpc_service_name(true);
  auto filter = make(config);
  call(*filter, "/reviews.v1.Reviews/Get.It");
  EXPECT_EQ(counts().at("cluster.backend_1.grpc.reviews_v1_Reviews.Get.It.0"), 1u);
  for (const auto& scope : stats.scopes()) {
    if (!scope->name().prefix.starts_with("cluster.")) continue;
    EXPECT_EQ(scope->name().prometheus_prefix.str(), "envoy_cluster_grpc_");
    EXPECT_EQ(scope->name().tags,
              (std::vector<StatTag>{{"envoy_cluster_name", "backend_1"},
                                    {"envoy_grpc_bridge_method", "Get.It"},
                                    {"envoy_grpc_bridge_service", "reviews_v1_Reviews"}}));
  }
}

TEST_F(GrpcStats, WhatIsNoMethodOrNoGrpcOrHasNoClusterIsNotCounted) {
  auto filter = make({});
  call(*filter, "/one");
  call(*filter, "/one/two/three");
  FakeExchange plain;
  (void)filter->on_request_head(plain, plain.request, true);
  plain.info_.cluster = &cluster;
  filter->on_complete(plain);
  FakeExchange lost;
  lost.request.set(HeaderId::kPath, "/a.B/C");
  lost.request.set(HeaderId::kContentType, "application/grpc");
  (void)filter->on_request_head(lost, lost.request, false);
  filter->on_request_body(lost, kMessage, false);
  filter->on_complete(lost);
  EXPECT_EQ(counts(), Counts{});
}

TEST_F(GrpcStats, MessagesCountWhileTheStreamGoesOnAndEarlierOnesAreNotLost) {
  auto filter = make({});
  FakeExchange exchange;
  exchange.request.set(HeaderId::kPath, "/a.B/C");
  exchange.request.set(HeaderId::kContentType, "application/grpc");
  (void)filter->on_request_head(exchange, exchange.request, false);
  filter->on_request_body(exchange, kMessage, false);  // before the cluster is known
  exchange.info_.cluster = &cluster;
  filter->on_request_body(exchange, kMessage, false);
  EXPECT_EQ(counts(), (Counts{{"cluster.backend_1.grpc.request_message_count", 2}}));
  EXPECT_FALSE(exchange.info_.grpc_messages);
  filter->on_complete(exchange);  // reset: no status
  EXPECT_EQ(counts(), (Counts{{"cluster.backend_1.grpc.request_message_count", 2}}));
}

TEST_F(GrpcStats, ATrailersOnlyAnswerCountsItsHead) {
  FilterConfig config;
  config.set_enable_upstream_stats(true);
  auto filter = make(config);
  FakeExchange exchange;
  exchange.request.set(HeaderId::kPath, "/a.B/C");
  exchange.request.set(HeaderId::kContentType, "application/grpc");
  (void)filter->on_request_head(exchange, exchange.request, true);
  exchange.info_.cluster = &cluster;
  exchange.response.add(HeaderId::kStatus, "200");
  exchange.response.add(HeaderId::kGrpcStatus, "99");
  (void)filter->on_response_head(exchange, exchange.response, true);
  exchange.info_.upstream_last_sent = MonotonicTime(Milliseconds(5));
  exchange.info_.upstream_last_received = MonotonicTime(Milliseconds(9));
  filter->on_complete(exchange);
  EXPECT_EQ(counts(), (Counts{{"cluster.backend_1.grpc.failure", 1},
                              {"cluster.backend_1.grpc.total", 1},
                              {"cluster.backend_1.grpc.upstream_rq_time", 1}}));
}

TEST_F(GrpcStats, OnlyAnswersOf200HoldMessages) {
  auto filter = make({});
  FakeExchange exchange;
  exchange.request.set(HeaderId::kPath, "/a.B/C");
  exchange.request.set(HeaderId::kContentType, "application/grpc");
  exchange.info_.cluster = &cluster;
  (void)filter->on_request_head(exchange, exchange.request, true);
  exchange.response.add(HeaderId::kStatus, "500");
  exchange.response.add(HeaderId::kContentType, "application/grpc");
  (void)filter->on_response_head(exchange, exchange.response, false);
  filter->on_response_body(exchange, kMessage, true);
  filter->on_complete(exchange);
  EXPECT_EQ(counts(), Counts{});
}

TEST_F(GrpcStats, AnExchangeThatIsUsedAgainHasNothingOfTheCallBefore) {
  auto filter = make({});
  FakeExchange exchange;
  exchange.request.set(HeaderId::kPath, "/a.B/C");
  exchange.request.set(HeaderId::kContentType, "application/grpc");
  exchange.info_.cluster = &cluster;
  (void)filter->on_request_head(exchange, exchange.request, false);
  filter->on_request_body(exchange, kMessage, true);
  filter->on_complete(exchange);
  exchange.request.set(HeaderId::kContentType, "text/plain");
  (void)filter->on_request_head(exchange, exchange.request, false);
  filter->on_request_body(exchange, kMessage, true);
  filter->on_complete(exchange);
  EXPECT_EQ(counts(), (Counts{{"cluster.backend_1.grpc.request_message_count", 1}}));
}

TEST_F(GrpcStats, CountsAreHandedOnWhenAsked) {
  FilterConfig config;
  config.set_emit_filter_state(true);
  auto filter = make(config);
  FakeExchange exchange;
  exchange.request.set(HeaderId::kPath, "/no-method");
  exchange.request.set(HeaderId::kContentType, "application/grpc");
  (void)filter->on_request_head(exchange, exchange.request, false);
  EXPECT_FALSE(exchange.info_.grpc_messages);
  filter->on_request_body(exchange, kMessage, true);
  ASSERT_TRUE(exchange.info_.grpc_messages);
  EXPECT_EQ(exchange.info_.grpc_messages->request, 1u);
  EXPECT_EQ(exchange.info_.grpc_messages->response, 0u);
}

TEST_F(GrpcStats, NamesOfClientsAreLimitedAndThoseOfTheConfigurationAreNot) {
  filters::MethodTable table(stats, 2);
  const auto* a = table.from_client("s", "a", 1);
  const auto* b = table.from_client("s", "b", 1);
  EXPECT_NE(a, b);
  EXPECT_EQ(table.from_client("s", "c", 1), nullptr);
  EXPECT_EQ(table.from_client("s", "a", 1), a);
  const auto* c = table.configured("s", "c");
  EXPECT_EQ(table.from_client("s", "c", 1), c);
  EXPECT_EQ(table.from_client("s", std::string(300, 'x'), 1), nullptr);
  EXPECT_EQ(counts().at("grpc_stats.method_overflow_total"), 2u);

  ClusterConfig other;
  other.name = "other";
  auto& plain = table.scope(cluster, nullptr, 1);
  EXPECT_NE(&table.scope(cluster, a, 1), &plain);
  EXPECT_NE(&table.scope(cluster, b, 1), &plain);
  EXPECT_NE(&table.scope(other, c, 1), &table.scope(other, nullptr, 1));
  EXPECT_EQ(&table.scope(other, a, 1), &table.scope(other, nullptr, 1));  // one more than the limit
  EXPECT_EQ(counts().at("grpc_stats.method_overflow_total"), 3u);
}

TEST_F(GrpcStats, ThousandsOfNamesMakeOneThousand) {
  FilterConfig config;
  config.mutable_stats_for_all_methods()->set_value(true);
  auto filter = make(config);
  for (int i = 0; i < 3000; ++i) call(*filter, "/s.S/m" + std::to_string(i));
  size_t methods = 0;
  for (const auto& scope : stats.scopes()) methods += scope->name().prefix.starts_with("cluster.") ? 1 : 0;
  EXPECT_EQ(methods, 1001u);
  EXPECT_EQ(counts().at("cluster.backend_1.grpc.total"), 2000u);
  EXPECT_EQ(counts().at("grpc_stats.method_overflow_total"), 2000u);
}

TEST_F(GrpcStats, ACallAllocatesNothingOnceItsMethodIsKnown) {
  FilterConfig config;
  config.mutable_stats_for_all_methods()->set_value(true);
  auto filter = make(config);
  FakeExchange exchange;
  exchange.request.set(HeaderId::kPath, "/reviews.v1.Reviews/GetAllOfThem");
  exchange.request.set(HeaderId::kContentType, "application/grpc");
  exchange.info_.cluster = &cluster;
  exchange.response.add(HeaderId::kStatus, "200");
  exchange.response.add(HeaderId::kContentType, "application/grpc");
  const auto once = [&] {
    (void)filter->on_request_head(exchange, exchange.request, false);
    filter->on_request_body(exchange, kMessage, true);
    (void)filter->on_response_head(exchange, exchange.response, false);
    filter->on_response_body(exchange, kMessage, true);
    filter->on_complete(exchange);
  };
  once();
  const size_t before = test::allocations();
  once();
  EXPECT_EQ(test::allocations(), before);
}

TEST_F(GrpcStats, RefusesAnAllowlistWithHoles) {
  FilterConfig config;
  config.mutable_individual_method_stats_allowlist()->add_services();
  EXPECT_EQ(make(config), nullptr);
  EXPECT_EQ(
      report.error_text(),
      "http_filters[0].typed_config.individual_method_stats_allowlist.services[0].name: is required; "
      "http_filters[0].typed_config.individual_method_stats_allowlist.services[0].method_names: needs at "
      "least one");
}

}  // namespace
}  // namespace remora
