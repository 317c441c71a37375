#include "peer_metadata/peer_metadata.h"

#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>

#include "api/istio_peer_metadata.pb.h"
#include "peer_metadata/base64.h"
#include "peer_metadata/workload_codec.h"
#include "unit/filters/filter_harness.h"

namespace remora {
namespace {

using filters::decode_workload;
using filters::encode_workload;
using io::istio::http::peer_metadata::Config;

TEST(Base64, KnownValuesBothWays) {
  for (const auto& [plain, coded] : std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                                                     {"f", "Zg=="},
                                                                                     {"fo", "Zm8="},
                                                                                     {"foo", "Zm9v"},
                                                                                     {"foobar", "Zm9vYmFy"},
                                                                                     {"\xff\xfe", "//4="}}) {
    EXPECT_EQ(filters::base64_encode(plain), coded);
    EXPECT_EQ(filters::base64_decode(coded), plain);
    EXPECT_EQ(filters::base64_decode(coded.substr(0, coded.find('='))), plain);
  }
  for (const char* bad : {"Z", "Zm9vY", "Zm 9", "Zm9-", "===="})
    EXPECT_FALSE(filters::base64_decode(bad)) << bad;
}

Workload reviews_v2() {
  Workload workload;
  workload.instance = "reviews-v2-1";
  workload.name = "reviews-v2";
  workload.namespace_name = "default";
  workload.cluster = "Kubernetes";
  workload.owner = "kubernetes://apis/apps/v1/namespaces/default/deployments/reviews-v2";
  workload.canonical_name = "reviews";
  workload.canonical_revision = "v2";
  workload.app = "reviews";
  workload.version = "v2";
  return workload;
}

TEST(WorkloadCodec, WritesWhatProtobufReads) {
  Workload workload = reviews_v2();
  workload.labels = {{"team", "web"}, {"secret", "x"}};
  google::protobuf::Struct message;
  ASSERT_TRUE(message.ParseFromString(filters::base64_decode(encode_workload(workload, {"team"})).value()));
  EXPECT_EQ(message.fields().at("NAME").string_value(), "reviews-v2-1");
  EXPECT_EQ(message.fields().at("NAMESPACE").string_value(), "default");
  EXPECT_EQ(message.fields().at("WORKLOAD_NAME").string_value(), "reviews-v2");
  EXPECT_EQ(message.fields().at("CLUSTER_ID").string_value(), "Kubernetes");
  const auto& labels = message.fields().at("LABELS").struct_value().fields();
  EXPECT_EQ(labels.at("app").string_value(), "reviews");
  EXPECT_EQ(labels.at("version").string_value(), "v2");
  EXPECT_EQ(labels.at("service.istio.io/canonical-name").string_value(), "reviews");
  EXPECT_EQ(labels.at("team").string_value(), "web");
  EXPECT_FALSE(labels.contains("secret"));
}

TEST(WorkloadCodec, ReadsWhatProtobufWrites) {
  google::protobuf::Struct message;
  auto& fields = *message.mutable_fields();
  fields["WORKLOAD_NAME"].set_string_value("reviews-v2");
  fields["NAMESPACE"].set_string_value(std::string(300, 'n'));  // a length of two bytes
  fields["SOMETHING"].set_number_value(5);
  fields["OTHER"].mutable_list_value()->add_values()->set_bool_value(true);
  auto& labels = *fields["LABELS"].mutable_struct_value()->mutable_fields();
  labels["version"].set_string_value("v2");
  labels["team"].set_string_value("web");
  labels["unasked"].set_string_value("x");
  const auto workload = decode_workload(filters::base64_encode(message.SerializeAsString()), {"team"});
  ASSERT_TRUE(workload);
  EXPECT_EQ(workload->name, "reviews-v2");
  EXPECT_EQ(workload->namespace_name, std::string(300, 'n'));
  EXPECT_EQ(workload->version, "v2");
  EXPECT_EQ(workload->labels, (std::map<std::string, std::string>{{"team", "web"}}));
}

TEST(WorkloadCodec, RoundTrip) {
  EXPECT_EQ(decode_workload(encode_workload(reviews_v2(), {}), {}), reviews_v2());
  EXPECT_EQ(decode_workload(encode_workload(Workload(), {}), {}), Workload());
}

TEST(WorkloadCodec, AnyBytesAreSurvived) {
  const std::string bytes = filters::base64_decode(encode_workload(reviews_v2(), {})).value();
  for (size_t cut = 0; cut < bytes.size(); ++cut)
    decode_workload(filters::base64_encode(bytes.substr(0, cut)), {});
  size_t refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      refused += decode_workload(filters::base64_encode(changed), {}).has_value() ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_FALSE(decode_workload(filters::base64_encode("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
                               {}));                                                   // a huge length
  EXPECT_FALSE(decode_workload(filters::base64_encode(std::string(11, '\xff')), {}));  // an endless varint
  EXPECT_FALSE(decode_workload("not base64!", {}));
}

struct PeerMetadata : ::testing::Test {
  std::shared_ptr<const FilterFactory> make(const Config& config) {
    const FilterFactoryContext context{stats, node, "http.in.", TrafficDirection::kInbound};
    return make_filter("istio.metadata_exchange", "type.googleapis.com/io.istio.http.peer_metadata.Config",
                       config.SerializeAsString(), false, context, "http_filters[0].typed_config", report);
  }

  static Config inbound() {
    Config config;
    config.add_downstream_discovery()->mutable_istio_headers();
    config.add_downstream_propagation()->mutable_istio_headers();
    return config;
  }
  static Config outbound() {
    Config config;
    config.add_upstream_discovery()->mutable_istio_headers();
    config.add_upstream_propagation()->mutable_istio_headers();
    return config;
  }
  static Verdict::Kind request(HttpFilter& filter, FakeExchange& exchange) {
    return filter.on_request_head(exchange, exchange.request, true).kind();
  }
  static Verdict::Kind response(HttpFilter& filter, FakeExchange& exchange) {
    return filter.on_response_head(exchange, exchange.response, true).kind();
  }

  StatsStore stats{2};
  NodeInfo node = productpage();
  ConfigReport report;
  FakeExchange exchange;
};

TEST_F(PeerMetadata, AServerLearnsWhoAsksAndAnswersInKind) {
  auto filter = make(inbound())->create();
  exchange.request.add("x-envoy-peer-metadata", encode_workload(reviews_v2(), {}));
  exchange.request.add("x-envoy-peer-metadata-id", "sidecar~1");
  EXPECT_EQ(request(*filter, exchange), Verdict::Kind::kContinue);
  ASSERT_NE(exchange.info_.downstream_peer, nullptr);
  EXPECT_EQ(*exchange.info_.downstream_peer, reviews_v2());
  EXPECT_FALSE(exchange.request.has(HeaderId::kXEnvoyPeerMetadata));  // the application does not see them
  EXPECT_FALSE(exchange.request.has(HeaderId::kXEnvoyPeerMetadataId));

  EXPECT_EQ(response(*filter, exchange), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.response.value_of(HeaderId::kXEnvoyPeerMetadataId), node.id);
  const auto self = decode_workload(exchange.response.value_of(HeaderId::kXEnvoyPeerMetadata), {});
  ASSERT_TRUE(self);
  EXPECT_EQ(self->name, "productpage-v1");
  EXPECT_EQ(self->canonical_name, "productpage");
}

TEST_F(PeerMetadata, AClientOutsideTheMeshIsNotToldAnything) {
  auto filter = make(inbound())->create();
  request(*filter, exchange);
  response(*filter, exchange);
  EXPECT_EQ(exchange.info_.downstream_peer, nullptr);
  EXPECT_TRUE(exchange.response.empty());
}

TEST_F(PeerMetadata, AClientTellsAndLearnsFromTheAnswer) {
  auto filter = make(outbound())->create();
  exchange.request.add("x-envoy-peer-metadata", "the application may not speak for the proxy");
  request(*filter, exchange);
  EXPECT_EQ(decode_workload(exchange.request.value_of(HeaderId::kXEnvoyPeerMetadata), {})->name,
            "productpage-v1");
  EXPECT_EQ(exchange.request.value_of(HeaderId::kXEnvoyPeerMetadataId), node.id);
  exchange.response.add("x-envoy-peer-metadata", encode_workload(reviews_v2(), {}));
  response(*filter, exchange);
  ASSERT_NE(exchange.info_.upstream_peer, nullptr);
  EXPECT_EQ(exchange.info_.upstream_peer->version, "v2");
  EXPECT_TRUE(exchange.response.empty());
}

TEST_F(PeerMetadata, TheSamePeerIsDecodedOnceAndKeptWhenTheCacheIsFull) {
  auto filter = make(inbound())->create();
  const std::string value = encode_workload(reviews_v2(), {});
  FakeExchange first;
  first.request.add("x-envoy-peer-metadata", value);
  request(*filter, first);
  FakeExchange second;
  second.request.add("x-envoy-peer-metadata", value);
  request(*filter, second);
  EXPECT_EQ(first.info_.downstream_peer, second.info_.downstream_peer);
  for (int i = 0; i < 1200; ++i) {
    FakeExchange other;
    Workload workload = reviews_v2();
    workload.instance = std::to_string(i);
    other.request.add("x-envoy-peer-metadata", encode_workload(workload, {}));
    request(*filter, other);
  }
  EXPECT_EQ(*first.info_.downstream_peer, reviews_v2());
}

TEST_F(PeerMetadata, NonsenseIsNoPeer) {
  auto filter = make(inbound())->create();
  exchange.request.add("x-envoy-peer-metadata", "!!!");
  request(*filter, exchange);
  EXPECT_EQ(exchange.info_.downstream_peer, nullptr);
  EXPECT_FALSE(exchange.request.has(HeaderId::kXEnvoyPeerMetadata));
}

TEST_F(PeerMetadata, AdditionalLabelsAreSent) {
  Config config = outbound();
  config.add_additional_labels("team");
  auto filter = make(config)->create();
  request(*filter, exchange);
  const auto self = decode_workload(exchange.request.value_of(HeaderId::kXEnvoyPeerMetadata), {"team"});
  ASSERT_TRUE(self);
  EXPECT_EQ(self->labels.at("team"), "web");
}

TEST_F(PeerMetadata, WhatIsNotImplementedIsRefusedOrSaidByPath) {
  Config config = outbound();
  config.add_upstream_discovery()->mutable_workload_discovery();
  EXPECT_NE(make(config), nullptr);
  ASSERT_EQ(report.findings().size(), 1u);
  EXPECT_EQ(report.findings()[0].path,
            "http_filters[0].typed_config.upstream_discovery[1].workload_discovery");
  EXPECT_TRUE(report.ok());

  config.add_downstream_discovery()->mutable_baggage();
  config.mutable_upstream_propagation(0)->mutable_istio_headers()->set_skip_external_clusters(true);
  EXPECT_EQ(make(config), nullptr);
  EXPECT_NE(report.error_text().find("typed_config.downstream_discovery[0].baggage: "), std::string::npos);
  EXPECT_NE(
      report.error_text().find("typed_config.upstream_propagation[0].istio_headers.skip_external_clusters: "),
      std::string::npos);
}

}  // namespace
}  // namespace remora
