#include <gtest/gtest.h>

#include <algorithm>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/layout_rows.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;

const std::string kWeb = R"(
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, clusterIP: 10.96.0.1, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1}
spec: {address: 10.0.9.1, labels: {app: web}}
---
)";

std::string sidecar(const std::string& spec) {
  return "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s}\nspec: {workloadSelector: "
         "{labels: {app: web}}, " +
         spec + "}\n---\n";
}

Snapshot snapshot_of(const std::string& spec, bool intercepted = true) {
  ProxyNode node = intercepted ? intercepted_at("10.0.9.1", true) : sidecar_at("10.0.9.1", true);
  node.labels = {{"app", "web"}};
  return build_snapshot(registry(kWeb + sidecar(spec)), node);
}

Cluster cluster_of(const Snapshot& snapshot, const std::string& name) {
  const auto& resource = snapshot.group(XdsType::kCluster).resources.get(name);
  return resource == nullptr ? Cluster() : decoded<Cluster>(*resource);
}

std::string endpoint_of(const Cluster& cluster) {
  if (cluster.load_assignment().endpoints().empty()) return "";
  const auto& address = cluster.load_assignment().endpoints(0).lb_endpoints(0).endpoint().address();
  if (address.has_pipe()) return address.pipe().path();
  return address.socket_address().address() + ':' + std::to_string(address.socket_address().port_value());
}

TEST(SidecarIngress, ReplacesThePortsOfTheServices) {
  const Snapshot plain = snapshot_of("egress: [{hosts: ['*/*']}]");
  EXPECT_EQ(cluster_of(plain, "inbound|8080||").type(), Cluster::ORIGINAL_DST);
  const Snapshot told = snapshot_of(
      "ingress: [{port: {number: 9000, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}]");
  EXPECT_EQ(endpoint_of(cluster_of(told, "inbound|9000||")), "127.0.0.1:8080");
  EXPECT_FALSE(told.group(XdsType::kCluster).resources.contains("inbound|8080||"));
  const auto rows = listener_rows(told);
  EXPECT_TRUE(std::ranges::any_of(rows, [](const std::string& row) {
    return row.starts_with("virtualInbound chain 0.0.0.0_9000");
  })) << testing::PrintToString(rows);
  EXPECT_TRUE(std::ranges::none_of(
      rows, [](const std::string& row) { return row.starts_with("virtualInbound chain 0.0.0.0_8080"); }));
}

TEST(SidecarIngress, EachEndpointMeansAPlaceOfTheWorkload) {
  const auto leads_to = [](const std::string& endpoint) {
    const Snapshot snapshot = snapshot_of(
        "ingress: [{port: {number: 9000, protocol: TCP, name: tcp}, defaultEndpoint: '" + endpoint + "'}]");
    return cluster_of(snapshot, "inbound|9000||");
  };
  EXPECT_EQ(endpoint_of(leads_to("[::1]:81")), "::1:81");
  EXPECT_EQ(endpoint_of(leads_to("unix:///run/app.sock")), "/run/app.sock");
  const Cluster instance = leads_to("0.0.0.0:81");
  EXPECT_EQ(endpoint_of(instance), "10.0.9.1:81");
  EXPECT_EQ(instance.upstream_bind_config().source_address().address(), "127.0.0.6")
      << "not intercepted again";
  EXPECT_EQ(leads_to("").type(), Cluster::ORIGINAL_DST) << "where the connection was going";
}

TEST(SidecarIngress, ThePortIsReadAsItSaysAndTheServiceKeepsItsName) {
  const Snapshot snapshot = snapshot_of("ingress: [{port: {number: 8080, protocol: TCP, name: tcp}}]");
  const auto rows = listener_rows(snapshot);
  EXPECT_TRUE(std::ranges::any_of(rows, [](const std::string& row) {
    return row.starts_with("virtualInbound chain 0.0.0.0_8080") &&
           row.find("tcp inbound|8080||") != std::string::npos;
  })) << testing::PrintToString(rows);
  const Cluster cluster = cluster_of(snapshot, "inbound|8080||");
  EXPECT_NE(cluster.metadata().ShortDebugString().find("web.default.svc.cluster.local"), std::string::npos);
}

TEST(SidecarIngress, WhatIsNotCapturedHasAListenerOfItsOwn) {
  const Snapshot snapshot = snapshot_of(
      "ingress: [{port: {number: 9000, protocol: HTTP, name: http}, bind: 10.0.9.9, captureMode: NONE, "
      "defaultEndpoint: '127.0.0.1:8080'}]");
  EXPECT_TRUE(snapshot.group(XdsType::kListener).resources.contains("10.0.9.9_9000"));
  EXPECT_EQ(endpoint_of(cluster_of(snapshot, "inbound|9000||")), "127.0.0.1:8080");
}

TEST(SidecarIngress, WithoutInterceptionTheListenerHasTheWorkloadsAddress) {
  const Snapshot snapshot = snapshot_of(
      "ingress: [{port: {number: 9000, protocol: HTTP, name: http}, defaultEndpoint: '127.0.0.1:8080'}, "
      "{port: {number: 9001, protocol: HTTP, name: loop}, defaultEndpoint: '0.0.0.0:9001'}]",
      false);
  EXPECT_TRUE(snapshot.group(XdsType::kListener).resources.contains("10.0.9.1_9000"));
  EXPECT_FALSE(snapshot.group(XdsType::kListener).resources.contains("10.0.9.1_8080"));
  EXPECT_FALSE(snapshot.group(XdsType::kListener).resources.contains("10.0.9.1_9001"));
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_EQ(snapshot.notes[0].path, "listener 10.0.9.1_9001");
  EXPECT_EQ(snapshot.notes[0].message, "is left out: its defaultEndpoint is the listener itself");
}

TEST(SidecarIngress, TheClosestConnectionPoolHolds) {
  const std::string rule =
      "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec: {host: web, "
      "trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}\n---\n";
  const auto most = [&](const std::string& spec) {
    ProxyNode node = intercepted_at("10.0.9.1", true);
    node.labels = {{"app", "web"}};
    const Snapshot snapshot = build_snapshot(registry(kWeb + rule + sidecar(spec)), node);
    return cluster_of(snapshot, "inbound|8080||").circuit_breakers().thresholds(0).max_connections().value();
  };
  const std::string pool = "inboundConnectionPool: {tcp: {maxConnections: 2}}";
  const std::string port = "ingress: [{port: {number: 8080, protocol: HTTP, name: http}";
  EXPECT_EQ(most("egress: [{hosts: ['*/*']}]"), 1U);
  EXPECT_EQ(most(pool), 2U);
  EXPECT_EQ(most(pool + ", " + port + "}]"), 2U);
  EXPECT_EQ(most(pool + ", " + port + ", connectionPool: {tcp: {maxConnections: 3}}}]"), 3U);
}

TEST(SidecarIngress, TlsOfOthersEndsWhereTheMeshTakesNone) {
  namespace tls = envoy::extensions::transport_sockets::tls::v3;
  const std::string off =
      "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: {mtls: {mode: "
      "DISABLE}}\n---\n";
  const std::string ingress =
      "ingress: [{port: {number: 9443, protocol: HTTPS, name: https}, defaultEndpoint: '127.0.0.1:8080', "
      "tls: "
      "{mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca}}]";
  for (const bool intercepted : {true, false}) {
    ProxyNode node = intercepted ? intercepted_at("10.0.9.1", true) : sidecar_at("10.0.9.1", true);
    node.labels = {{"app", "web"}};
    const Snapshot snapshot = build_snapshot(registry(kWeb + off + sidecar(ingress)), node);
    const auto listener = decoded<listener_v3::Listener>(
        *snapshot.group(XdsType::kListener).resources.get(intercepted ? "virtualInbound" : "10.0.9.1_9443"));
    const auto chain = std::ranges::find_if(listener.filter_chains(), [](const auto& each) {
      return each.name().ends_with("_9443") && each.filter_chain_match().transport_protocol() == "tls";
    });
    ASSERT_NE(chain, listener.filter_chains().end()) << intercepted;
    tls::DownstreamTlsContext context;
    ASSERT_TRUE(chain->transport_socket().typed_config().UnpackTo(&context));
    EXPECT_TRUE(context.require_client_certificate().value());
    EXPECT_EQ(context.common_tls_context().tls_certificates(0).certificate_chain().filename(), "/c");
    EXPECT_EQ(context.common_tls_context().validation_context().trusted_ca().filename(), "/ca");
    EXPECT_EQ(target_text(*chain), "http inbound|http|9443 inbound|9443|| mtls") << "HTTP is inside";
  }
  const Snapshot idle = snapshot_of(ingress);
  ASSERT_FALSE(idle.notes.empty());
  EXPECT_EQ(idle.notes[0].message, "its tls has no effect: PeerAuthentication must be DISABLE for the port");
}

TEST(SidecarIngress, RefusesWhatCannotBe) {
  const auto first = [](const std::string& listener) {
    const auto findings = findings_of(sidecar("ingress: [" + listener + "]"));
    return findings.empty() ? std::string() : findings.front();
  };
  const std::string port = "port: {number: 9000, protocol: HTTP, name: http}";
  EXPECT_NE(first("{}").find("spec.ingress[0].port"), std::string::npos) << first("{}");
  EXPECT_NE(first("{port: {number: 9000, protocol: SMTP, name: x}}").find("is no known protocol"),
            std::string::npos);
  for (const char* bad :
       {"10.0.0.1:80", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "unix://", "unix://x"}) {
    EXPECT_NE(first("{" + port + ", defaultEndpoint: '" + bad + "'}").find("spec.ingress[0].defaultEndpoint"),
              std::string::npos)
        << bad;
  }
  EXPECT_NE(first("{" + port + ", captureMode: NONE}").find("is required where connections are not captured"),
            std::string::npos);
  EXPECT_NE(
      first("{" + port + ", bind: 'unix:///x', defaultEndpoint: '127.0.0.1:1'}").find("is no IP address"),
      std::string::npos);
  const std::string https = "port: {number: 9000, protocol: HTTPS, name: https}, tls: ";
  const std::string files = "serverCertificate: /c, privateKey: /k";
  EXPECT_NE(
      first("{" + port + ", tls: {mode: SIMPLE, " + files + "}}").find("is for ports whose protocol is"),
      std::string::npos);
  for (const auto& [bad, field] : std::vector<std::pair<std::string, std::string>>{
           {"{mode: ISTIO_MUTUAL}", "tls.mode"},
           {"{mode: PASSTHROUGH}", "tls.mode"},
           {"{mode: SIMPLE}", "tls.serverCertificate"},
           {"{mode: MUTUAL, " + files + "}", "tls.caCertificates"},
           {"{mode: SIMPLE, credentialName: web}", "tls.credentialName"},
           {"{mode: SIMPLE, httpsRedirect: true, " + files + "}", "tls.httpsRedirect"},
           {"{mode: SIMPLE, subjectAltNames: [a], " + files + "}", "tls.subjectAltNames"}}) {
    EXPECT_NE(first("{" + https + bad + "}").find("spec.ingress[0]." + field), std::string::npos)
        << bad << ": " << first("{" + https + bad + "}");
  }
  EXPECT_NE(first("{" + port + "}, {" + port + "}").find("port 9000 is used twice"), std::string::npos);
}

}  // namespace
}  // namespace remora::istio::test
