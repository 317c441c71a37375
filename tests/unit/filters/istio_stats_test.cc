#include "istio_stats/istio_stats.h"

#include <functional>
#include <map>

#include <gtest/gtest.h>

#include "api/istio_stats.pb.h"
#include "remora/http/tls_info.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Labels = std::map<std::string, std::string>;

struct IstioStats : ::testing::Test {
  std::shared_ptr<const FilterFactory> make(TrafficDirection direction,
                                            const stats::PluginConfig& config = {}) {
    const FilterFactoryContext context{stats, node, "http.in.", direction};
    return make_filter("istio.stats", "type.googleapis.com/stats.PluginConfig", config.SerializeAsString(),
                       false, context, "http_filters[1].typed_config", report);
  }

  /// Every istio series with its number of requests.
  std::vector<std::pair<Labels, uint64_t>> series() const {
    std::vector<std::pair<Labels, uint64_t>> found;
    for (const auto& scope : stats.scopes()) {
      if (scope->name().tags.size() != 25) continue;
      Labels labels;
      for (const auto& tag : scope->name().tags) labels[tag.name] = tag.value;
      found.emplace_back(labels, scope->value(0));
    }
    return found;
  }

  Labels only_series() const {
    const auto all = series();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? Labels() : all.front().first;
  }

  StatsStore stats{3};
  NodeInfo node = productpage();
  ConfigReport report;
  ReviewsCluster reviews;
  FakeExchange exchange;
};

TEST_F(IstioStats, AClientNamesWhoAnsweredFromTheEndpoint) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  exchange.info_.cluster = &reviews.config;
  exchange.info_.upstream_host = &reviews.endpoint;
  filter->on_complete(exchange);

  const Labels expected = {{"reporter", "source"},
                           {"source_workload", "productpage-v1"},
                           {"source_canonical_service", "productpage"},
                           {"source_canonical_revision", "v1"},
                           {"source_workload_namespace", "default"},
                           {"source_principal", "unknown"},
                           {"source_app", "productpage"},
                           {"source_version", "v1"},
                           {"source_cluster", "Kubernetes"},
                           {"destination_workload", "reviews-v2"},
                           {"destination_workload_namespace", "default"},
                           {"destination_principal", "unknown"},
                           {"destination_app", "reviews"},
                           {"destination_version", "v2"},
                           {"destination_service", "reviews.default.svc.cluster.local"},
                           {"destination_canonical_service", "reviews"},
                           {"destination_canonical_revision", "v2"},
                           {"destination_service_name", "reviews"},
                           {"destination_service_namespace", "default"},
                           {"destination_cluster", "Kubernetes"},
                           {"request_protocol", "http"},
                           {"response_code", "200"},
                           {"grpc_response_status", ""},
                           {"response_flags", "-"},
                           {"connection_security_policy", "unknown"}};
  EXPECT_EQ(only_series(), expected);
}

TEST_F(IstioStats, LabelsAreInIstiosOrder) {
  make(TrafficDirection::kOutbound)->create()->on_complete(exchange);
  for (const auto& scope : stats.scopes()) {
    if (scope->name().tags.size() != 25) continue;
    for (size_t i = 0; i < 25; ++i) EXPECT_EQ(scope->name().tags[i].name.str(), filters::kIstioLabels[i]);
    EXPECT_EQ(scope->name().prometheus_prefix.str(), "istio_");
  }
}

TEST_F(IstioStats, AServerNamesWhoAskedFromItsHeaders) {
  stats::PluginConfig config;
  config.set_disable_host_header_fallback(true);
  auto filter = make(TrafficDirection::kInbound, config)->create();
  auto peer = std::make_shared<Workload>();
  peer->name = "gateway";
  peer->namespace_name = "edge";
  exchange.info_.downstream_peer = peer;
  filter->on_complete(exchange);

  const Labels labels = only_series();
  EXPECT_EQ(labels.at("reporter"), "destination");
  EXPECT_EQ(labels.at("source_workload"), "gateway");
  EXPECT_EQ(labels.at("source_workload_namespace"), "edge");
  EXPECT_EQ(labels.at("source_version"), "unknown");
  EXPECT_EQ(labels.at("source_canonical_revision"), "latest");
  EXPECT_EQ(labels.at("destination_workload"), "productpage-v1");
  EXPECT_EQ(labels.at("destination_workload_namespace"), "default");
  EXPECT_EQ(labels.at("destination_version"), "v1");
  EXPECT_EQ(labels.at("destination_service"), "productpage");  // not the Host header
  EXPECT_EQ(labels.at("destination_service_name"), "productpage");
  EXPECT_EQ(labels.at("destination_service_namespace"), "default");
  EXPECT_EQ(labels.at("connection_security_policy"), "none");
}

TEST_F(IstioStats, TheHostHeaderNamesAServiceThatTheClusterDoesNot) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  ClusterConfig plain;
  plain.metadata = std::make_shared<Metadata>();
  exchange.info_.cluster = &plain;
  filter->on_complete(exchange);
  EXPECT_EQ(only_series().at("destination_service"), "reviews:9080");
  EXPECT_EQ(only_series().at("destination_service_name"), "reviews:9080");
  EXPECT_EQ(only_series().at("destination_workload"), "unknown");
}

TEST_F(IstioStats, SpecialClustersAndRoutesHaveIstiosNames) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  Route route;
  route.name = "allow_any";
  exchange.info_.route = &route;
  filter->on_complete(exchange);
  EXPECT_EQ(only_series().at("destination_service_name"), "PassthroughCluster");
  EXPECT_EQ(only_series().at("destination_service"), "reviews:9080");
}

TEST_F(IstioStats, SubsetLabelsOfStaticEndpointsAreTheVersion) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  auto metadata = std::make_shared<Metadata>();
  metadata->filters["envoy.lb"] = object_value({{"version", text_value("v7")}});
  reviews.endpoint.metadata = metadata;
  exchange.info_.cluster = &reviews.config;
  exchange.info_.upstream_host = &reviews.endpoint;
  filter->on_complete(exchange);
  EXPECT_EQ(only_series().at("destination_version"), "v7");
  EXPECT_EQ(only_series().at("destination_service_namespace"), "default");  // from the cluster
}

TEST_F(IstioStats, WhatThePeerSaysBeatsTheEndpointsMetadata) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  auto peer = std::make_shared<Workload>();
  peer->name = "reviews-v9";
  peer->version = "v9";
  exchange.info_.upstream_peer = peer;
  exchange.info_.cluster = &reviews.config;
  exchange.info_.upstream_host = &reviews.endpoint;
  filter->on_complete(exchange);
  EXPECT_EQ(only_series().at("destination_workload"), "reviews-v9");
  EXPECT_EQ(only_series().at("destination_version"), "v9");
}

TEST_F(IstioStats, CodeFlagsAndGrpcStatusMakeSeries) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  filter->on_complete(exchange);
  exchange.info_.response_code = 503;
  exchange.info_.flags.set(ResponseFlag::kUpstreamConnectionFailure);
  exchange.info_.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  filter->on_complete(exchange);
  filter->on_complete(exchange);
  exchange.request.add(HeaderId::kContentType, "application/grpc+proto");
  filter->on_complete(exchange);
  HeaderMap trailers;
  trailers.add(HeaderId::kGrpcStatus, "5");
  exchange.info_.response_trailers = &trailers;
  filter->on_complete(exchange);

  const auto all = series();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].second, 1u);
  EXPECT_EQ(all[1].first.at("response_code"), "503");
  EXPECT_EQ(all[1].first.at("response_flags"), "UF,URX");
  EXPECT_EQ(all[1].second, 2u);
  EXPECT_EQ(all[2].first.at("request_protocol"), "grpc");
  EXPECT_EQ(all[2].first.at("grpc_response_status"), "14");  // what HTTP 503 means
  EXPECT_EQ(all[3].first.at("grpc_response_status"), "5");
}

/// A connection with mutual TLS.
TlsInfo mutual_tls(const std::string& local, const std::string& peer) {
  TlsInfo tls;
  auto mine = std::make_shared<CertificateInfo>();
  mine->uri_sans = {local};
  auto theirs = std::make_shared<CertificateInfo>();
  theirs->uri_sans = {peer, "spiffe://second/ns/is/sa/ignored"};
  tls.local = mine;
  tls.peer = theirs;
  tls.peer_presented = tls.peer_validated = true;
  return tls;
}

TEST_F(IstioStats, CertificatesNameThePrincipals) {
  const std::string web = "spiffe://cluster.local/ns/edge/sa/web";
  const std::string reviews_account = "spiffe://cluster.local/ns/books/sa/reviews";
  auto server = make(TrafficDirection::kInbound)->create();
  auto tls = mutual_tls(reviews_account, web);
  exchange.info_.downstream_tls = &tls;
  auto peer = std::make_shared<Workload>();
  peer->name = "web-v1";
  peer->namespace_name = "claimed";
  exchange.info_.downstream_peer = peer;
  server->on_complete(exchange);
  tls.peer_validated = false;
  server->on_complete(exchange);
  auto client = make(TrafficDirection::kOutbound)->create();
  const auto upstream = mutual_tls(web, reviews_account);
  exchange.info_.downstream_tls = nullptr;
  exchange.info_.upstream_tls = &upstream;
  client->on_complete(exchange);

  const auto all = series();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].first.at("source_principal"), web);
  EXPECT_EQ(all[0].first.at("destination_principal"), reviews_account);
  EXPECT_EQ(all[0].first.at("connection_security_policy"), "mutual_tls");
  EXPECT_EQ(all[0].first.at("source_workload_namespace"), "edge");  // proven, whatever the peer says
  EXPECT_EQ(all[1].first.at("source_principal"), "unknown");
  EXPECT_EQ(all[1].first.at("connection_security_policy"), "none");
  EXPECT_EQ(all[1].first.at("source_workload_namespace"), "claimed");
  EXPECT_EQ(all[2].first.at("source_principal"), web);
  EXPECT_EQ(all[2].first.at("destination_principal"), reviews_account);
  EXPECT_EQ(all[2].first.at("destination_workload_namespace"), "books");
  EXPECT_EQ(all[2].first.at("connection_security_policy"), "unknown");
}

TEST_F(IstioStats, ConnectionsOfTheSamePeersAreOneSeries) {
  auto filter = make(TrafficDirection::kInbound)->create();
  for (int i = 0; i < 3; ++i) {
    const auto tls = mutual_tls("spiffe://td/ns/a/sa/b", "spiffe://td/ns/c/sa/d");
    exchange.info_.downstream_tls = &tls;
    filter->on_complete(exchange);
  }
  ASSERT_EQ(series().size(), 1u);
  EXPECT_EQ(series()[0].second, 3u);
}

TEST_F(IstioStats, MessagesOfGrpcHaveLabelsThatDoNotDependOnTheAnswer) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  exchange.request.add(HeaderId::kContentType, "application/grpc");
  filter->on_complete(exchange);  // nobody counted messages
  for (const auto& scope : stats.scopes()) EXPECT_NE(scope->name().tags.size(), filters::kIstioMessageLabels);
  for (const uint16_t code : {200, 503}) {
    exchange.info_.response_code = code;
    exchange.info_.grpc_messages = {3, 4};
    filter->on_complete(exchange);
  }
  size_t found = 0;
  for (const auto& scope : stats.scopes()) {
    if (scope->name().tags.size() != filters::kIstioMessageLabels) continue;
    ++found;
    EXPECT_EQ(scope->name().tags.back().name.str(), "destination_cluster");
    EXPECT_EQ(scope->value(filters::kRequestMessages), 6u);
    EXPECT_EQ(scope->value(filters::kResponseMessages), 8u);
  }
  EXPECT_EQ(found, 1u);
}

TEST_F(IstioStats, HistogramsHoldTimesAndSizes) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  exchange.info_.request_header_bytes = 100;
  exchange.info_.request_body_bytes = 11;
  exchange.info_.response_header_bytes = 200;
  exchange.info_.response_body_bytes = 22;
  filter->on_complete(exchange);
  for (const auto& scope : stats.scopes()) {
    if (scope->name().tags.size() != 25) continue;
    EXPECT_EQ(scope->histogram(filters::kDuration).sum, 7u);
    EXPECT_EQ(scope->histogram(filters::kRequestBytes).sum, 111u);
    EXPECT_EQ(scope->histogram(filters::kResponseBytes).sum, 222u);
  }
}

TEST_F(IstioStats, WorkersAndListenersShareSeries) {
  const auto first = make(TrafficDirection::kOutbound);
  const auto second = make(TrafficDirection::kOutbound);
  first->create()->on_complete(exchange);
  exchange.shard_ = 2;
  second->create()->on_complete(exchange);
  const auto all = series();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].second, 2u);
}

TEST_F(IstioStats, SeriesOutliveTheFilterThatMadeThemWhileAnotherIsThere) {
  auto old = make(TrafficDirection::kOutbound);
  old->create()->on_complete(exchange);
  const auto next = make(TrafficDirection::kOutbound);  // a listener update: make before break
  old.reset();
  next->create()->on_complete(exchange);
  ASSERT_EQ(series().size(), 1u);
  EXPECT_EQ(series()[0].second, 2u);
}

TEST_F(IstioStats, AChangedEndpointAtTheSameAddressIsNotMistakenForTheOldOne) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  exchange.info_.cluster = &reviews.config;
  exchange.info_.upstream_host = &reviews.endpoint;
  for (const char* version : {"v2", "v3", "v4"}) {
    auto metadata = std::make_shared<Metadata>();  // freed and allocated anew, were it not for the cache
    metadata->filters["istio"] =
        object_value({{"workload", text_value(std::string("r;default;reviews;") + version + ";K")}});
    reviews.endpoint.metadata = std::move(metadata);
    filter->on_complete(exchange);
    EXPECT_EQ(series().back().first.at("destination_version"), version);
  }
  EXPECT_EQ(series().size(), 3u);
}

TEST_F(IstioStats, NoAllocationOnceALabelSetIsKnown) {
  auto filter = make(TrafficDirection::kOutbound)->create();
  exchange.info_.cluster = &reviews.config;
  exchange.info_.upstream_host = &reviews.endpoint;
  exchange.info_.upstream_peer = std::make_shared<Workload>();
  ClusterConfig plain;
  plain.metadata = std::make_shared<Metadata>();
  for (const ClusterConfig& cluster : {std::cref(reviews.config), std::cref(plain)}) {
    exchange.info_.cluster = &cluster;
    filter->on_complete(exchange);
    const size_t before = test::allocations();
    for (int i = 0; i < 100; ++i) filter->on_complete(exchange);
    EXPECT_EQ(test::allocations(), before);
  }
}

TEST_F(IstioStats, TheNumberOfSeriesIsLimited) {
  filters::SeriesTable table(stats, 3);
  filters::IstioLabelValues labels;
  labels.fill("x");
  for (int i = 0; i < 10; ++i) {
    labels[14] = "host-" + std::to_string(i);
    table.series(labels, 1).block(1).add(filters::kRequests);
  }
  labels[14] = "host-1";
  table.series(labels, 1).block(1).add(filters::kRequests);  // known before the limit was met

  const auto all = series();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1].second, 2u);
  EXPECT_EQ(all[3].first.at("destination_service"), "overflow");
  EXPECT_EQ(all[3].first.at("reporter"), "x");
  EXPECT_EQ(all[3].second, 7u);
  EXPECT_EQ(stats.scopes()[0]->name().prefix, "istio_stats.");
  EXPECT_EQ(stats.scopes()[0]->value(0), 7u);
}

TEST_F(IstioStats, TheBuildIsShown) {
  const auto factory = make(TrafficDirection::kOutbound);
  for (const auto& scope : stats.scopes()) {
    if (scope->name().tags.size() != 2) continue;
    EXPECT_EQ(scope->name().tags[1].value, "1.2.3");
    EXPECT_EQ(scope->value(0), 1u);
    return;
  }
  FAIL() << "no istio_build";
}

TEST_F(IstioStats, WhatIsNotImplementedIsRefusedByPath) {
  stats::PluginConfig config;
  config.add_metrics()->set_drop(true);
  config.add_definitions()->set_name("mine");
  config.set_reporter(stats::SERVER_GATEWAY);
  config.mutable_rotation_interval()->set_seconds(60);
  EXPECT_EQ(make(TrafficDirection::kOutbound, config), nullptr);
  const std::string text = report.error_text();
  for (const char* field : {"metrics[0]", "definitions[0]", "reporter", "rotation_interval"}) {
    EXPECT_NE(text.find("http_filters[1].typed_config." + std::string(field) + ": "), std::string::npos)
        << text;
  }
}

TEST_F(IstioStats, WhatCannotHaveAnEffectIsAccepted) {
  stats::PluginConfig config;
  config.mutable_tcp_reporting_duration()->set_seconds(5);
  config.mutable_rotation_interval();
  config.mutable_graceful_deletion_interval()->set_seconds(300);
  EXPECT_NE(make(TrafficDirection::kOutbound, config), nullptr);
  EXPECT_TRUE(report.ok());
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].path, "http_filters[1].typed_config.tcp_reporting_duration");
}

}  // namespace
}  // namespace remora
