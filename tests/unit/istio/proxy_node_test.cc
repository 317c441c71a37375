#include "istio/build/proxy_node.h"

#include <gtest/gtest.h>

#include "envoy/config/core/v3/base.pb.h"
#include "google/protobuf/util/json_util.h"

namespace remora::istio {
namespace {

Result<ProxyNode> parse(const std::string& id, const std::string& metadata = "{}") {
  envoy::config::core::v3::Node node;
  node.set_id(id);
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(metadata, node.mutable_metadata()).ok());
  return parse_proxy_node(node);
}

constexpr const char* kId = "sidecar~127.0.1.1~myapp-v1.prod~prod.svc.cluster.local";

TEST(ProxyNode, IsReadFromIstiosId) {
  const auto node = parse(kId);
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->ip, "127.0.1.1");
  EXPECT_EQ(node->name, "myapp-v1.prod");
  EXPECT_EQ(node->ns, "prod");
  EXPECT_EQ(node->outbound_address, "127.0.0.1");
  EXPECT_EQ(node->app_address, "127.0.0.1");
}

TEST(ProxyNode, MayBeAGrpcClient) {
  EXPECT_TRUE(parse(kId, R"({"GENERATOR": "grpc"})")->grpc);
  EXPECT_FALSE(parse(kId)->grpc);
  EXPECT_NE(parse(kId, R"({"GENERATOR": "api"})").error().message.find("GENERATOR \"api\""),
            std::string::npos);
  EXPECT_FALSE(parse(kId, R"({"GENERATOR": "grpc", "INTERCEPTION_MODE": "REDIRECT"})").ok());
}

TEST(ProxyNode, TakesItsMetadata) {
  const auto node = parse(kId, R"({"NAMESPACE": "shop", "CLUSTER_ID": "c1", "INTERCEPTION_MODE": "NONE",
      "LABELS": {"app": "myapp"}, "REMORA_OUTBOUND": "none", "REMORA_APP_ADDRESS": "127.0.0.2",
      "REMORA_PLAIN_ENVOY": "true"})");
  ASSERT_TRUE(node.ok());
  EXPECT_EQ(node->ns, "shop");
  EXPECT_EQ(node->cluster_id, "c1");
  EXPECT_EQ(node->labels.at("app"), "myapp");
  EXPECT_EQ(node->outbound_address, "");
  EXPECT_EQ(node->app_address, "127.0.0.2");
  EXPECT_TRUE(node->plain_envoy);
}

TEST(ProxyNode, FaultsAreNamed) {
  const auto error = [](const std::string& id, const std::string& metadata = "{}") {
    const auto node = parse(id, metadata);
    return node.ok() ? "" : node.error().message;
  };
  EXPECT_EQ(error("x"), "node.id \"x\" is not TYPE~IP~NAME.NAMESPACE~NAMESPACE.svc.cluster.local");
  EXPECT_EQ(
      error("waypoint~1.1.1.1~a.b~b.svc"),
      "node.id \"waypoint~1.1.1.1~a.b~b.svc\": type \"waypoint\" is not served, only sidecar and router");
  EXPECT_EQ(error("sidecar~here~a.b~b.svc"), "node.id \"sidecar~here~a.b~b.svc\": \"here\" is no IP address");
  EXPECT_EQ(error(kId, R"({"INTERCEPTION_MODE": "ALL"})"),
            "node.metadata.INTERCEPTION_MODE \"ALL\" is none of NONE, REDIRECT and TPROXY");
  EXPECT_EQ(error(kId, R"({"INTERCEPTION_MODE": "REDIRECT", "REMORA_OUTBOUND": "none"})"),
            "node.metadata.REMORA_OUTBOUND goes with INTERCEPTION_MODE NONE only");
  EXPECT_EQ(error(kId, R"({"INSTANCE_IPS": "10.0.0.1,pod"})"),
            "node.metadata.INSTANCE_IPS \"10.0.0.1,pod\": \"pod\" is no IP address");
  EXPECT_EQ(error(kId, R"({"REMORA_OUTBOUND": "all"})"),
            "node.metadata.REMORA_OUTBOUND \"all\" is neither an IP address nor none");
  EXPECT_EQ(error(kId, R"({"REMORA_APP_ADDRESS": ""})"),
            "node.metadata.REMORA_APP_ADDRESS \"\" is no IP address");
}

TEST(ProxyNode, SaysHowItsPodIsIntercepted) {
  EXPECT_FALSE(parse(kId)->intercepted());
  const auto redirect =
      parse(kId, R"({"INTERCEPTION_MODE": "REDIRECT", "INSTANCE_IPS": "127.0.1.1,fd00::1"})");
  ASSERT_TRUE(redirect.ok());
  EXPECT_EQ(redirect->interception, Interception::kRedirect);
  EXPECT_EQ(redirect->addresses, (std::vector<std::string>{"127.0.1.1", "fd00::1"}));
  EXPECT_TRUE(redirect->has_ipv4() && redirect->has_ipv6());
  const auto tproxy = parse("sidecar~fd00::1~a.b~b.svc", R"({"INTERCEPTION_MODE": "TPROXY"})");
  ASSERT_TRUE(tproxy.ok());
  EXPECT_EQ(tproxy->interception, Interception::kTproxy);
  EXPECT_FALSE(tproxy->has_ipv4());
  EXPECT_NE(redirect->outbound_key(), parse(kId)->outbound_key());
}

TEST(ProxyNode, KeysTellWhoMayShare) {
  const auto a = parse(kId);
  const auto b = parse("sidecar~127.0.1.2~myapp-v2.prod~prod.svc.cluster.local");
  const auto c = parse(kId, R"({"LABELS": {"app": "x"}})");
  EXPECT_EQ(a->outbound_key(), b->outbound_key());
  EXPECT_NE(a->key(), b->key());
  EXPECT_NE(a->outbound_key(), c->outbound_key());
}

}  // namespace
}  // namespace remora::istio
