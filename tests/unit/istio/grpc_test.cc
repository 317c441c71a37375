// What a gRPC client that is its own proxy gets.
#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "google/protobuf/any.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

const std::string kHost = "myapp.default.svc.cluster.local";

ProxyNode client() {
  ProxyNode node;
  node.id = "sidecar~127.0.1.1~x.default~default.svc.cluster.local";
  node.ip = "127.0.1.1";  // a workload of the service: it has no inbound side all the same
  node.addresses = {node.ip};
  node.ns = "default";
  node.grpc = true;
  return node;
}

std::vector<std::string> names(const Snapshot& snapshot, XdsType type) {
  std::vector<std::string> out;
  for (const auto& entry : snapshot.group(type).resources) out.emplace_back(entry.first);
  return out;
}

template <typename Message>
Message get(const Snapshot& snapshot, XdsType type, const std::string& name) {
  google::protobuf::Any any;
  Message message;
  EXPECT_TRUE(any.ParseFromString(snapshot.group(type).resources.get(name)->any) && any.UnpackTo(&message));
  return message;
}

TEST(GrpcClient, HasAListenerForEachNameOfAServiceAndOneTable) {
  const Snapshot snapshot = build_snapshot(registry(kMyapp), client());
  EXPECT_EQ(names(snapshot, XdsType::kListener),
            (std::vector<std::string>{"myapp.default.svc.cluster.local:8080", "myapp.default.svc:8080",
                                      "myapp.default:8080", "myapp:8080"}));
  EXPECT_EQ(names(snapshot, XdsType::kRoute), std::vector<std::string>{kHost + ":8080"});
  EXPECT_EQ(names(snapshot, XdsType::kCluster), std::vector<std::string>{"outbound|8080||" + kHost});
  HttpConnectionManager manager;
  ASSERT_TRUE(get<envoy::config::listener::v3::Listener>(snapshot, XdsType::kListener, "myapp:8080")
                  .api_listener()
                  .api_listener()
                  .UnpackTo(&manager));
  EXPECT_EQ(manager.rds().route_config_name(), kHost + ":8080");
  ASSERT_EQ(manager.http_filters_size(), 1) << "the router, which gRPC insists on";
}

TEST(GrpcClient, BalancesInTurn) {
  const std::string rule = "---" + destination_rule("  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n");
  const auto cluster = get<envoy::config::cluster::v3::Cluster>(
      build_snapshot(registry(kMyapp + "---\n" + rule.substr(3)), client()), XdsType::kCluster,
      "outbound|8080||" + kHost);
  EXPECT_EQ(cluster.lb_policy(), envoy::config::cluster::v3::Cluster::ROUND_ROBIN);
}

TEST(GrpcClient, IsToldThatItHasNoFilters) {
  const Snapshot snapshot =
      build_snapshot(registry(kMyapp + "---\n" +
                              virtual_service("  - route: [{destination: {host: myapp}}]\n"
                                              "    corsPolicy: {allowOrigins: [{exact: 'https://a'}]}\n")),
                     client());
  const auto table =
      get<envoy::config::route::v3::RouteConfiguration>(snapshot, XdsType::kRoute, kHost + ":8080");
  EXPECT_TRUE(table.virtual_hosts(0).routes(0).typed_per_filter_config().empty());
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_NE(snapshot.notes[0].message.find("which a gRPC client does not have"), std::string::npos);
}

TEST(GrpcClient, IsToldThatConsistentHashHasNoEffect) {
  const std::string rule =
      destination_rule("  trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: user}}}\n");
  const Snapshot snapshot = build_snapshot(registry(kMyapp + "---\n" + rule), client());
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_EQ(snapshot.notes[0].path, "cluster outbound|8080||" + kHost);
  EXPECT_NE(snapshot.notes[0].message.find("consistentHash has no effect"), std::string::npos);
}

TEST(GrpcClient, DiffersFromASidecarOfTheSamePlace) {
  ProxyNode sidecar = client();
  sidecar.grpc = false;
  EXPECT_NE(sidecar.outbound_key(), client().outbound_key());
}

}  // namespace
}  // namespace remora::istio::test
