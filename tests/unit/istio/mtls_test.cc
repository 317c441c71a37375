// Mutual TLS between sidecars, and TLS towards others: what becomes of PeerAuthentication and
// DestinationRule.
#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "google/protobuf/any.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using Names = std::vector<std::string>;

/// myapp with one workload that has a sidecar and one that has none.
const std::string kMesh = R"(
apiVersion: v1
kind: Service
metadata: {name: myapp}
spec:
  selector: {app: myapp}
  ports: [{name: http, port: 8080}, {name: grpc, port: 8081}, {name: tcp-db, port: 5432}, {name: tls, port: 8443}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: v1}
spec: {address: 127.0.1.1, serviceAccount: myapp, labels: {app: myapp, security.istio.io/tlsMode: istio}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: v2}
spec: {address: 127.0.1.2, labels: {app: myapp}}
---
)";

std::string peer_authentication(const std::string& mode) {
  return "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p}\nspec: {mtls: "
         "{mode: " +
         mode + "}}\n---\n";
}

std::string rule(const std::string& policy) {
  return destination_rule("  trafficPolicy: " + policy + "\n") + "---\n";
}

template <typename Message>
Message get(const Snapshot& snapshot, XdsType type, const std::string& name) {
  const auto found = snapshot.group(type).resources.find(name);
  Message message;
  google::protobuf::Any any;
  EXPECT_TRUE(found != snapshot.group(type).resources.end()) << name << " is missing";
  if (found == snapshot.group(type).resources.end()) return message;
  EXPECT_TRUE(any.ParseFromString(found->second->any) && any.UnpackTo(&message));
  return message;
}

std::string cluster_name(int port) {
  return "outbound|" + std::to_string(port) + "||myapp.default.svc.cluster.local";
}

Cluster cluster(const std::string& yaml, int port = 8080,
                const ProxyNode& proxy = sidecar_at("127.0.9.1", true)) {
  return get<Cluster>(build_snapshot(registry(yaml), proxy), XdsType::kCluster, cluster_name(port));
}

template <typename Context, typename Socket>
Context context_of(const Socket& socket) {
  Context context;
  EXPECT_TRUE(socket.typed_config().UnpackTo(&context)) << socket.ShortDebugString();
  return context;
}

Names alpn(const tls::CommonTlsContext& common) {
  return {common.alpn_protocols().begin(), common.alpn_protocols().end()};
}

envoy::extensions::upstreams::http::v3::HttpProtocolOptions http_options(const Cluster& cluster) {
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  for (const auto& entry : cluster.typed_extension_protocol_options()) entry.second.UnpackTo(&options);
  return options;
}

TEST(AutoMtls, EndpointsWithASidecarGetMutualTls) {
  const Snapshot snapshot = build_snapshot(registry(kMesh), sidecar_at("127.0.9.1", true));
  const auto assignment = get<ClusterLoadAssignment>(snapshot, XdsType::kEndpoint, cluster_name(8080));
  const auto& endpoints = assignment.endpoints(0).lb_endpoints();
  ASSERT_EQ(endpoints.size(), 2);
  const auto mode = [](const auto& endpoint) {
    const auto& metadata = endpoint.metadata().filter_metadata();
    const auto match = metadata.find("envoy.transport_socket_match");
    return match == metadata.end() ? "" : match->second.fields().at("tlsMode").string_value();
  };
  EXPECT_EQ(mode(endpoints[0]), "istio");
  EXPECT_EQ(mode(endpoints[1]), "");

  const auto cluster = get<Cluster>(snapshot, XdsType::kCluster, cluster_name(8080));
  ASSERT_EQ(cluster.transport_socket_matches_size(), 2);
  EXPECT_EQ(cluster.transport_socket_matches(0).match().fields().at("tlsMode").string_value(), "istio");
  EXPECT_EQ(cluster.transport_socket_matches(1).match().fields_size(), 0);
  EXPECT_EQ(cluster.transport_socket_matches(1).transport_socket().name(),
            "envoy.transport_sockets.raw_buffer");
  const auto context =
      context_of<tls::UpstreamTlsContext>(cluster.transport_socket_matches(0).transport_socket());
  EXPECT_EQ(context.sni(), "outbound_.8080_._.myapp.default.svc.cluster.local");
  const auto& common = context.common_tls_context();
  EXPECT_EQ(common.tls_certificate_sds_secret_configs(0).name(), "default");
  const auto& validation = common.combined_validation_context();
  EXPECT_EQ(validation.validation_context_sds_secret_config().name(), "ROOTCA");
  EXPECT_TRUE(validation.validation_context_sds_secret_config().sds_config().has_ads());
  ASSERT_EQ(validation.default_validation_context().match_typed_subject_alt_names_size(), 1);
  const auto& name = validation.default_validation_context().match_typed_subject_alt_names(0);
  EXPECT_EQ(name.san_type(), tls::SubjectAltNameMatcher::URI);
  EXPECT_EQ(name.matcher().exact(), "spiffe://cluster.local/ns/default/sa/myapp");
}

TEST(AutoMtls, TheProtocolsInsideAreNamed) {
  const auto names = [](int port) {
    return alpn(context_of<tls::UpstreamTlsContext>(
                    cluster(kMesh, port).transport_socket_matches(0).transport_socket())
                    .common_tls_context());
  };
  EXPECT_EQ(names(8080), (Names{"istio-http/1.1", "istio", "http/1.1"}));
  EXPECT_EQ(names(8081), (Names{"istio-h2", "istio", "h2"}));
  EXPECT_EQ(names(5432), (Names{"istio"}));
}

TEST(AutoMtls, IsNotForProxiesWithoutIdentityNorWhereItIsOff) {
  EXPECT_EQ(cluster(kMesh, 8080, sidecar_at("127.0.9.1", false)).transport_socket_matches_size(), 0);
  EXPECT_EQ(cluster(kMesh + rule("{tls: {mode: DISABLE}}")).transport_socket_matches_size(), 0);
  const Registry off(resources(kMesh), {.auto_mtls = false});
  const auto without =
      get<Cluster>(build_snapshot(off, sidecar_at("127.0.9.1", true)), XdsType::kCluster, cluster_name(8080));
  EXPECT_EQ(without.transport_socket_matches_size(), 0);
  const auto plain = get<ClusterLoadAssignment>(
      build_snapshot(registry(kMesh + peer_authentication("DISABLE")), sidecar_at("127.0.9.1", true)),
      XdsType::kEndpoint, cluster_name(8080));
  for (const auto& endpoint : plain.endpoints(0).lb_endpoints()) {
    EXPECT_FALSE(endpoint.metadata().filter_metadata().contains("envoy.transport_socket_match"));
  }
}

TEST(AutoMtls, IsNotForServicesOutsideOfTheMesh) {
  const std::string outside =
      "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: o}\nspec: {hosts: [a.test], "
      "resolution: STATIC, location: MESH_EXTERNAL, ports: [{number: 80, name: http}], endpoints: [{address: "
      "127.0.0.9, labels: {security.istio.io/tlsMode: istio}}]}\n---\n";
  const Snapshot snapshot = build_snapshot(registry(kMesh + outside), sidecar_at("127.0.9.1", true));
  EXPECT_EQ(get<Cluster>(snapshot, XdsType::kCluster, "outbound|80||a.test").transport_socket_matches_size(),
            0);
}

TEST(AutoMtls, ADeploymentsServiceAccountIsThatOfItsPods) {
  const std::string deployment =
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {metadata: {labels: "
      "{app: myapp}}, "
      "spec: {serviceAccountName: runner}}}\n---\n";
  const auto context = context_of<tls::UpstreamTlsContext>(
      cluster(kMesh + deployment).transport_socket_matches(0).transport_socket());
  const auto& names = context.common_tls_context().combined_validation_context().default_validation_context();
  ASSERT_EQ(names.match_typed_subject_alt_names_size(), 2);
  EXPECT_EQ(names.match_typed_subject_alt_names(1).matcher().exact(),
            "spiffe://cluster.local/ns/default/sa/runner");
}

TEST(DestinationRuleTls, IstioMutualIsForEveryEndpoint) {
  const auto mutual =
      cluster(kMesh + rule("{tls: {mode: ISTIO_MUTUAL, sni: other, subjectAltNames: [spiffe://a/b]}}"));
  EXPECT_EQ(mutual.transport_socket_matches_size(), 0);
  const auto context = context_of<tls::UpstreamTlsContext>(mutual.transport_socket());
  EXPECT_EQ(context.sni(), "other");
  const auto& validation =
      context.common_tls_context().combined_validation_context().default_validation_context();
  ASSERT_EQ(validation.match_typed_subject_alt_names_size(), 1);
  EXPECT_EQ(validation.match_typed_subject_alt_names(0).matcher().exact(), "spiffe://a/b");
}

TEST(DestinationRuleTls, WithoutIdentityAMutualClusterIsLeftOut) {
  const Snapshot snapshot =
      build_snapshot(registry(kMesh + rule("{tls: {mode: ISTIO_MUTUAL}}")), sidecar_at("127.0.9.1", false));
  EXPECT_FALSE(snapshot.group(XdsType::kCluster).resources.contains(cluster_name(8080)));
  ASSERT_FALSE(snapshot.notes.empty());
  EXPECT_NE(snapshot.notes[0].message.find("has not proved who it is"), std::string::npos);
}

TEST(DestinationRuleTls, SimpleTrustsTheSystemAndNamesTheHost) {
  const auto simple = cluster(kMesh + rule("{tls: {mode: SIMPLE}}"));
  const auto common = context_of<tls::UpstreamTlsContext>(simple.transport_socket()).common_tls_context();
  EXPECT_TRUE(common.validation_context().has_system_root_certs());
  EXPECT_TRUE(http_options(simple).upstream_http_protocol_options().auto_sni());
  EXPECT_TRUE(http_options(simple).upstream_http_protocol_options().auto_san_validation());

  const auto named =
      cluster(kMesh + rule("{tls: {mode: SIMPLE, sni: a.test, caCertificates: /ca.pem, caCrl: /crl.pem, "
                           "subjectAltNames: [a.test]}}"));
  const auto context = context_of<tls::UpstreamTlsContext>(named.transport_socket());
  EXPECT_EQ(context.sni(), "a.test");
  EXPECT_EQ(context.common_tls_context().validation_context().trusted_ca().filename(), "/ca.pem");
  EXPECT_EQ(context.common_tls_context().validation_context().crl().filename(), "/crl.pem");
  EXPECT_EQ(
      context.common_tls_context().validation_context().match_typed_subject_alt_names(0).matcher().exact(),
      "a.test");
  EXPECT_EQ(named.typed_extension_protocol_options_size(), 0);

  const auto careless = cluster(kMesh + rule("{tls: {mode: SIMPLE, insecureSkipVerify: true}}"));
  EXPECT_FALSE(context_of<tls::UpstreamTlsContext>(careless.transport_socket())
                   .common_tls_context()
                   .has_validation_context());
}

TEST(DestinationRuleTls, MutualShowsAFile) {
  const auto mutual =
      cluster(kMesh + rule("{tls: {mode: MUTUAL, clientCertificate: /c.pem, privateKey: /k.pem}}"));
  const auto common = context_of<tls::UpstreamTlsContext>(mutual.transport_socket()).common_tls_context();
  EXPECT_EQ(common.tls_certificates(0).certificate_chain().filename(), "/c.pem");
  EXPECT_EQ(common.tls_certificates(0).private_key().filename(), "/k.pem");
}

TEST(DestinationRuleTls, PortsHaveTheirOwn) {
  const std::string yaml =
      kMesh +
      rule("{tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 8080}, tls: {mode: DISABLE}}]}");
  EXPECT_FALSE(cluster(yaml, 8080).has_transport_socket());
  EXPECT_TRUE(cluster(yaml, 8081).has_transport_socket());
}

Listener inbound(const std::string& yaml, int port = 8080, bool identified = true) {
  ProxyNode proxy = sidecar_at("127.0.1.1", identified);
  proxy.outbound_address = "";
  return get<Listener>(build_snapshot(registry(yaml), proxy), XdsType::kListener,
                       "127.0.1.1_" + std::to_string(port));
}

TEST(PeerAuthentication, StrictTakesMutualTlsOnly) {
  const Listener listener = inbound(kMesh + peer_authentication("STRICT"));
  ASSERT_EQ(listener.filter_chains_size(), 1);
  EXPECT_EQ(listener.listener_filters_size(), 0);
  EXPECT_FALSE(listener.filter_chains(0).has_filter_chain_match());
  const auto context = context_of<tls::DownstreamTlsContext>(listener.filter_chains(0).transport_socket());
  EXPECT_TRUE(context.require_client_certificate().value());
  EXPECT_EQ(alpn(context.common_tls_context()), (Names{"h2", "http/1.1"}));
  const auto& names = context.common_tls_context().combined_validation_context().default_validation_context();
  EXPECT_EQ(names.match_typed_subject_alt_names(0).matcher().prefix(), "spiffe://cluster.local/");
  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
  ASSERT_TRUE(listener.filter_chains(0).filters(0).typed_config().UnpackTo(&manager));
  EXPECT_EQ(manager.forward_client_cert_details(), manager.APPEND_FORWARD);
  EXPECT_TRUE(manager.set_current_client_cert_details().uri());
}

TEST(PeerAuthentication, PermissiveTellsTheMeshByItsWords) {
  const Listener listener = inbound(kMesh);
  ASSERT_EQ(listener.filter_chains_size(), 2);
  EXPECT_EQ(listener.listener_filters(0).name(), "envoy.filters.listener.tls_inspector");
  const auto& mesh = listener.filter_chains(0);
  EXPECT_EQ(mesh.filter_chain_match().transport_protocol(), "tls");
  EXPECT_EQ(mesh.filter_chain_match().application_protocols_size(), 5);
  EXPECT_TRUE(mesh.has_transport_socket());
  EXPECT_EQ(listener.filter_chains(1).filter_chain_match().transport_protocol(), "raw_buffer");
  EXPECT_FALSE(listener.filter_chains(1).has_transport_socket());
  EXPECT_FALSE(inbound(kMesh, 5432).filter_chains(1).has_filter_chain_match())
      << "bytes may be the clients' own TLS";
}

TEST(PeerAuthentication, DisableIsPlain) {
  const Listener listener = inbound(kMesh + peer_authentication("DISABLE"));
  ASSERT_EQ(listener.filter_chains_size(), 1);
  EXPECT_FALSE(listener.filter_chains(0).has_transport_socket());
}

TEST(PeerAuthentication, StrictWithoutIdentityServesNobody) {
  ProxyNode proxy = sidecar_at("127.0.1.1", false);
  proxy.outbound_address = "";
  const Snapshot snapshot = build_snapshot(registry(kMesh + peer_authentication("STRICT")), proxy);
  EXPECT_TRUE(snapshot.group(XdsType::kListener).resources.empty());
  ASSERT_FALSE(snapshot.notes.empty());
  EXPECT_NE(snapshot.notes[0].message.find("mutual TLS only"), std::string::npos);
  EXPECT_FALSE(inbound(kMesh, 8080, false).filter_chains(0).has_transport_socket());
}

TEST(PeerAuthentication, StrictIsToldWhereClientsCannotKnow) {
  const auto warnings = [](const std::string& more) {
    return texts(reconcile(nullptr, resources(kMesh + more)).findings);
  };
  EXPECT_EQ(warnings(peer_authentication("PERMISSIVE")), Names());
  const auto told = warnings(peer_authentication("STRICT"));
  ASSERT_EQ(told.size(), 1U) << "once for the workload, whatever its ports";
  EXPECT_NE(told[0].find("warning: WorkloadEntry default/v2: takes mutual TLS only"), std::string::npos)
      << told[0];
  EXPECT_EQ(warnings(peer_authentication("STRICT") + rule("{tls: {mode: ISTIO_MUTUAL}}")), Names());
}

TEST(Protocols, DecideWhatIsSpokenUpstream) {
  const auto is_http2 = [](const Cluster& cluster) {
    return http_options(cluster).explicit_http_config().has_http2_protocol_options();
  };
  EXPECT_FALSE(is_http2(cluster(kMesh, 8080)));
  EXPECT_TRUE(is_http2(cluster(kMesh, 8081)));
  const auto upgraded = cluster(
      kMesh + rule("{connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 7}}}"), 8080);
  ASSERT_TRUE(is_http2(upgraded));
  EXPECT_EQ(
      http_options(upgraded).explicit_http_config().http2_protocol_options().max_concurrent_streams().value(),
      7U);
  EXPECT_TRUE(http_options(cluster(kMesh + rule("{connectionPool: {http: {useClientProtocol: true}}}"), 8080))
                  .has_use_downstream_protocol_config());
}

TEST(Protocols, GrpcPortsCountMessages) {
  const Snapshot snapshot = build_snapshot(registry(kMesh), sidecar_at("127.0.9.1", true));
  const auto filters = [&](const std::string& name) {
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
    get<Listener>(snapshot, XdsType::kListener, name)
        .filter_chains(0)
        .filters(0)
        .typed_config()
        .UnpackTo(&manager);
    Names names;
    for (const auto& filter : manager.http_filters()) names.push_back(filter.name());
    return names;
  };
  EXPECT_EQ(filters("127.0.0.1_8080"),
            (Names{"istio.metadata_exchange", "envoy.filters.http.fault", "envoy.filters.http.cors",
                   "istio.stats", "envoy.filters.http.router"}));
  EXPECT_EQ(filters("127.0.0.1_8081"),
            (Names{"istio.metadata_exchange", "envoy.filters.http.grpc_stats", "envoy.filters.http.fault",
                   "envoy.filters.http.cors", "istio.stats", "envoy.filters.http.router"}));
}

TEST(Protocols, TcpPortsArePassedThrough) {
  const Snapshot snapshot = build_snapshot(registry(kMesh), sidecar_at("127.0.9.1", true));
  const auto database = get<Listener>(snapshot, XdsType::kListener, "127.0.0.1_5432");
  ASSERT_EQ(database.filter_chains_size(), 1);
  envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy proxy;
  ASSERT_TRUE(database.filter_chains(0).filters(0).typed_config().UnpackTo(&proxy));
  EXPECT_EQ(proxy.cluster(), cluster_name(5432));
  EXPECT_FALSE(snapshot.group(XdsType::kRoute).resources.contains("5432"));

  const auto secure = get<Listener>(snapshot, XdsType::kListener, "127.0.0.1_8443");
  EXPECT_EQ(secure.listener_filters(0).name(), "envoy.filters.listener.tls_inspector");
  const auto& names = secure.filter_chains(0).filter_chain_match().server_names();
  EXPECT_EQ(names[0], "myapp.default.svc.cluster.local");
}

TEST(Protocols, TwoTcpServicesCannotShareAPort) {
  const std::string second =
      "apiVersion: v1\nkind: Service\nmetadata: {name: zdb}\nspec: {ports: [{name: tcp, port: 5432}]}\n---\n";
  const Snapshot snapshot = build_snapshot(registry(kMesh + second), sidecar_at("127.0.9.1", true));
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_EQ(snapshot.notes[0].path, "listener 127.0.0.1_5432");
  EXPECT_NE(snapshot.notes[0].message.find("does not lead to zdb.default.svc.cluster.local"),
            std::string::npos);
}

TEST(Protocols, ATcpServiceWithRoutesHasThePortBeforeAnOlderOne) {
  const std::string second =
      "apiVersion: v1\nkind: Service\nmetadata: {name: zdb}\nspec: {ports: [{name: tcp, port: 5432}]}\n---\n"
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: zdb}\n"
      "spec: {hosts: [zdb], tcp: [{route: [{destination: {host: myapp}}]}]}\n---\n";
  const Snapshot snapshot = build_snapshot(registry(kMesh + second), sidecar_at("127.0.9.1", true));
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_NE(snapshot.notes[0].message.find("does not lead to myapp.default.svc.cluster.local"),
            std::string::npos);
}

}  // namespace
}  // namespace remora::istio::test
