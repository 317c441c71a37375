#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/layout_rows.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::ProxyProtocolConfig;
using Wrapper = envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;

Cluster cluster_of(const std::string& rule, bool identified, const std::string& name = "outbound|8080||") {
  const Snapshot snapshot =
      build_snapshot(registry(kMyapp + "---\n" + destination_rule(rule)), sidecar_at("10.0.9.1", identified));
  return decoded<Cluster>(
      *snapshot.group(XdsType::kCluster).resources.get(name + "myapp.default.svc.cluster.local"));
}

/// What a socket wraps, and in which version.
std::string wrapped(const envoy::config::core::v3::TransportSocket& socket) {
  Wrapper wrapper;
  if (!socket.typed_config().UnpackTo(&wrapper)) return socket.name();
  EXPECT_EQ(socket.name(), "envoy.transport_sockets.upstream_proxy_protocol");
  return ProxyProtocolConfig::Version_Name(wrapper.config().version()) + ' ' +
         wrapper.transport_socket().name();
}

const std::string kV1 = "  trafficPolicy: {proxyProtocol: {}}\n";

TEST(DestinationRuleProxyProtocol, StandsAroundWhateverSocketsThereAre) {
  EXPECT_EQ(wrapped(cluster_of(kV1, false).transport_socket()), "V1 envoy.transport_sockets.raw_buffer");
  EXPECT_EQ(
      wrapped(cluster_of("  trafficPolicy: {proxyProtocol: {version: V2}, tls: {mode: SIMPLE}}\n", false)
                  .transport_socket()),
      "V2 envoy.transport_sockets.tls");
  const Cluster automatic = cluster_of(kV1, true);
  EXPECT_FALSE(automatic.has_transport_socket());
  ASSERT_EQ(automatic.transport_socket_matches_size(), 2);
  EXPECT_EQ(wrapped(automatic.transport_socket_matches(0).transport_socket()),
            "V1 envoy.transport_sockets.tls");
  EXPECT_EQ(wrapped(automatic.transport_socket_matches(1).transport_socket()),
            "V1 envoy.transport_sockets.raw_buffer");
}

TEST(DestinationRuleProxyProtocol, HoldsForAllPortsAndASubsetMaySayOtherwise) {
  const std::string rule =
      "  trafficPolicy: {proxyProtocol: {version: V2}, portLevelSettings: [{port: {number: 8080}, "
      "connectionPool: {tcp: {maxConnections: 1}}}]}\n"
      "  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {proxyProtocol: {version: V1}}}]\n";
  EXPECT_EQ(wrapped(cluster_of(rule, false).transport_socket()), "V2 envoy.transport_sockets.raw_buffer");
  EXPECT_EQ(wrapped(cluster_of(rule, false, "outbound|8080|v1|").transport_socket()),
            "V1 envoy.transport_sockets.raw_buffer");
}

TEST(DestinationRuleProxyProtocol, OtherVersionsAreRefused) {
  const auto findings = findings_of(destination_rule("  trafficPolicy: {proxyProtocol: {version: V3}}\n"));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_NE(findings[0].find("spec.trafficPolicy.proxyProtocol.version"), std::string::npos) << findings[0];
}

}  // namespace
}  // namespace remora::istio::test
