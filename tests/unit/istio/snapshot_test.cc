#include "istio/build/snapshot.h"

#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "google/protobuf/any.pb.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

std::vector<std::string> names(const Snapshot& snapshot, XdsType type) {
  std::vector<std::string> out;
  for (const auto& entry : snapshot.group(type).resources) out.emplace_back(entry.first);
  return out;
}

TEST(Snapshot, OfAClientHasTheMesh) {
  const Snapshot snapshot = build_snapshot(registry(kMyapp + "---" + kSubsets), sidecar_at("127.0.9.1"));
  const std::vector<std::string> clusters{"outbound|8080|v1|myapp.default.svc.cluster.local",
                                          "outbound|8080|v2|myapp.default.svc.cluster.local",
                                          "outbound|8080||myapp.default.svc.cluster.local"};
  EXPECT_EQ(names(snapshot, XdsType::kCluster), clusters);
  EXPECT_EQ(names(snapshot, XdsType::kEndpoint), clusters);
  EXPECT_EQ(names(snapshot, XdsType::kListener), std::vector<std::string>{"127.0.0.1_8080"});
  EXPECT_EQ(names(snapshot, XdsType::kRoute), std::vector<std::string>{"8080"});
}

TEST(Snapshot, OfAWorkloadHasItsInboundSide) {
  ProxyNode server = sidecar_at("127.0.1.1");
  server.outbound_address = "";
  const Snapshot snapshot = build_snapshot(registry(kMyapp), server);
  EXPECT_EQ(names(snapshot, XdsType::kListener), std::vector<std::string>{"127.0.1.1_9001"});
  const auto cluster = snapshot.group(XdsType::kCluster).resources.find("inbound|9001||");
  ASSERT_NE(cluster, snapshot.group(XdsType::kCluster).resources.end());
  google::protobuf::Any any;
  envoy::config::cluster::v3::Cluster message;
  ASSERT_TRUE(any.ParseFromString(cluster->second->any) && any.UnpackTo(&message));
  EXPECT_EQ(message.type(), envoy::config::cluster::v3::Cluster::STATIC);
  const auto& address =
      message.load_assignment().endpoints(0).lb_endpoints(0).endpoint().address().socket_address();
  EXPECT_EQ(address.address(), "127.0.0.1");
  EXPECT_EQ(address.port_value(), 9001U);
}

TEST(Snapshot, IsTheSameForTheSameMeshAndDiffersOnlyWhereItDiffers) {
  const std::string to_v1 = virtual_service("  - route: [{destination: {host: myapp, subset: v1}}]\n");
  const std::string to_v2 = virtual_service("  - route: [{destination: {host: myapp, subset: v2}}]\n");
  const auto build = [](const std::string& vs) {
    return build_snapshot(registry(kMyapp + "---" + kSubsets + "---\n" + vs), sidecar_at("127.0.9.1"));
  };
  const Snapshot first = build(to_v1);
  const Snapshot again = build(to_v1);
  const Snapshot other = build(to_v2);
  for (const XdsType type : kXdsTypes) {
    EXPECT_EQ(first.group(type).version, again.group(type).version);
    EXPECT_EQ(first.group(type).version == other.group(type).version, type != XdsType::kRoute)
        << short_name(type);
  }
}

TEST(Snapshot, OutboundListenerGivesWayToTheApplication) {
  const Registry mesh = registry(R"(
apiVersion: v1
kind: Service
metadata: {name: s}
spec: {selector: {app: s}, ports: [{name: http, port: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: w}
spec: {address: 127.0.1.1, labels: {app: s}}
)");
  const Snapshot snapshot = build_snapshot(mesh, sidecar_at("127.0.1.1"));
  EXPECT_EQ(names(snapshot, XdsType::kListener), std::vector<std::string>{"127.0.1.1_8080"});
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_EQ(snapshot.notes[0].path, "listener 127.0.0.1_8080");
  EXPECT_EQ(snapshot.notes[0].message, "is left out: the workload serves port 8080 on that address");
}

TEST(Snapshot, InboundListenerNeedsAnAddressOfItsOwn) {
  const Registry mesh = registry(R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e}
spec:
  hosts: [e.test]
  resolution: STATIC
  ports: [{number: 80, name: http}]
  endpoints: [{address: 127.0.0.1}]
)");
  const Snapshot snapshot = build_snapshot(mesh, sidecar_at("127.0.0.1"));
  EXPECT_FALSE(snapshot.group(XdsType::kCluster).resources.contains("inbound|80||"));
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_EQ(snapshot.notes[0].message, "is left out: the application listens on that address itself");
}

TEST(Snapshot, HidesWhatIsNotExported) {
  const Registry mesh = registry(R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: prod}
spec: {hosts: [e.test], exportTo: ["."], resolution: STATIC, ports: [{number: 80, name: http}]}
)");
  EXPECT_TRUE(build_snapshot(mesh, sidecar_at("127.0.9.1")).group(XdsType::kCluster).resources.empty());
  ProxyNode neighbour = sidecar_at("127.0.9.1");
  neighbour.ns = "prod";
  EXPECT_EQ(build_snapshot(mesh, neighbour).group(XdsType::kCluster).resources.size(), 1U);
}

}  // namespace
}  // namespace remora::istio::test
