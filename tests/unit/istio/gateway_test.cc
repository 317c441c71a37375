#include <gtest/gtest.h>

#include <algorithm>

#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;
using HttpConnectionManager =
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using TlsContext = envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
using Texts = std::vector<std::string>;

std::string gateway(const std::string& servers, const std::string& meta = "name: edge") {
  return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {" + meta +
         "}\nspec:\n  selector: {istio: ingress}\n  servers:\n" + servers + "---\n";
}

std::string routes(const std::string& name, const std::string& spec) {
  return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {" + name + "}\nspec:\n" +
         spec;
}

const std::string kHttp = "  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}\n";
const std::string kToMyapp = "route: [{destination: {host: myapp}}]";

ProxyNode edge(bool identified = true) {
  ProxyNode node;
  node.type = ProxyType::kGateway;
  node.id = "router~10.0.0.9~edge-1.default~default.svc.cluster.local";
  node.ip = "10.0.0.9";
  node.addresses = {"10.0.0.9"};
  node.ns = "default";
  node.labels = {{"istio", "ingress"}, {"app", "edge"}};
  node.identified = identified;
  return node;
}

Snapshot snapshot_of(const std::string& yaml, const ProxyNode& node = edge()) {
  return build_snapshot(test::registry(yaml), node);
}

Texts names(const Snapshot& snapshot, XdsType type) {
  Texts out;
  for (const auto& entry : snapshot.group(type).resources) out.emplace_back(entry.first);
  return out;
}

template <typename Message>
Message get(const Snapshot& snapshot, XdsType type, const std::string& name) {
  Message message;
  const auto& resource = snapshot.group(type).resources.get(name);
  EXPECT_NE(resource, nullptr) << name << " of " << ::testing::PrintToString(names(snapshot, type));
  if (resource == nullptr) return message;
  google::protobuf::Any any;
  EXPECT_TRUE(any.ParseFromString(resource->any) && any.UnpackTo(&message));
  return message;
}

Listener listener(const Snapshot& snapshot, const std::string& name) {
  return get<Listener>(snapshot, XdsType::kListener, name);
}

RouteConfiguration table(const Snapshot& snapshot, const std::string& name) {
  return get<RouteConfiguration>(snapshot, XdsType::kRoute, name);
}

HttpConnectionManager manager(const Listener& listener, int chain = 0) {
  HttpConnectionManager manager;
  EXPECT_TRUE(listener.filter_chains(chain).filters(0).typed_config().UnpackTo(&manager));
  return manager;
}

TlsContext tls(const Listener& listener, int chain = 0) {
  TlsContext context;
  EXPECT_TRUE(listener.filter_chains(chain).transport_socket().typed_config().UnpackTo(&context));
  return context;
}

Texts paths(const VirtualHost& host) {
  Texts out;
  for (const auto& route : host.routes()) out.push_back(route.match().prefix() + route.match().path());
  return out;
}

Texts notes(const Snapshot& snapshot) { return test::texts(snapshot.notes); }

TEST(Gateway, HttpAsIstiodWritesIt) {
  const auto snapshot = snapshot_of(
      gateway(kHttp) + test::kMyapp +
      routes("name: shop", "  hosts: [shop.example]\n  gateways: [edge]\n  http: [{" + kToMyapp + "}]"));
  EXPECT_EQ(names(snapshot, XdsType::kListener), Texts{"0.0.0.0_80"});
  EXPECT_EQ(names(snapshot, XdsType::kRoute), Texts{"http.80"});
  EXPECT_EQ(names(snapshot, XdsType::kCluster), Texts{"outbound|8080||myapp.default.svc.cluster.local"});
  EXPECT_EQ(names(snapshot, XdsType::kEndpoint), Texts{"outbound|8080||myapp.default.svc.cluster.local"});
  const auto http = manager(listener(snapshot, "0.0.0.0_80"));
  EXPECT_EQ(http.stat_prefix(), "outbound_0.0.0.0_80");
  EXPECT_TRUE(http.use_remote_address().value());
  EXPECT_EQ(http.forward_client_cert_details(), HttpConnectionManager::SANITIZE_SET);
  EXPECT_TRUE(http.set_current_client_cert_details().cert());
  EXPECT_EQ(http.upgrade_configs(0).upgrade_type(), "websocket");
  EXPECT_EQ(http.server_name(), "istio-envoy");
  EXPECT_EQ(http.rds().route_config_name(), "http.80");
  const auto config = table(snapshot, "http.80");
  ASSERT_EQ(config.virtual_hosts_size(), 1);
  EXPECT_EQ(config.virtual_hosts(0).name(), "shop.example:80");
  EXPECT_EQ(config.virtual_hosts(0).domains(0), "shop.example");
  EXPECT_TRUE(config.ignore_port_in_host_matching());
}

TEST(Gateway, WithoutRoutesEverythingIsUnknown) {
  const auto config = table(snapshot_of(gateway(kHttp)), "http.80");
  ASSERT_EQ(config.virtual_hosts_size(), 1);
  EXPECT_EQ(config.virtual_hosts(0).name(), "blackhole:80");
  EXPECT_EQ(config.virtual_hosts(0).routes_size(), 0);
}

TEST(Gateway, OtherLabelsChooseOtherProxies) {
  ProxyNode other = edge();
  other.labels = {{"istio", "egress"}};
  EXPECT_TRUE(names(snapshot_of(gateway(kHttp), other), XdsType::kListener).empty());
}

TEST(Gateway, SidecarsDoNotFollowItsRoutes) {
  const std::string mesh = gateway(kHttp) + test::kMyapp +
                           routes("name: a",
                                  "  hosts: [myapp]\n  gateways: [edge]\n"
                                  "  http: [{match: [{uri: {prefix: /a}}], " +
                                      kToMyapp + "}]");
  ProxyNode sidecar;
  sidecar.ns = "default";
  const auto config = table(snapshot_of(mesh, sidecar), "8080");
  EXPECT_EQ(paths(config.virtual_hosts(0)), Texts{"/"});
}

TEST(Gateway, SeveralVirtualServicesShareAHost) {
  const auto snapshot = snapshot_of(
      gateway(kHttp) + test::kMyapp +
      routes("name: a, creationTimestamp: '2026-01-01T00:00:00Z'",
             "  hosts: [shop.example]\n  gateways: [edge]\n  http: [{match: [{uri: {prefix: /a}}], " +
                 kToMyapp + "}, {" + kToMyapp + "}]\n") +
      routes("name: b, creationTimestamp: '2026-01-02T00:00:00Z'",
             "  hosts: [shop.example]\n  gateways: [default/edge]\n  http: [{match: [{uri: {prefix: /b}}], " +
                 kToMyapp + "}]\n") +
      routes("name: c, namespace: other",
             "  hosts: [shop.example]\n  gateways: [edge]\n  http: [{match: [{uri: "
             "{prefix: /c}}], route: [{destination: {host: myapp.default.svc.cluster.local}}]}]\n"));
  const auto config = table(snapshot, "http.80");
  ASSERT_EQ(config.virtual_hosts_size(), 1) << "c means other/edge, which is not there";
  EXPECT_EQ(paths(config.virtual_hosts(0)), (Texts{"/a", "/b", "/"}));
}

TEST(Gateway, HostsAreThoseInCommon) {
  const auto config = table(
      snapshot_of(gateway("  - {port: {number: 80, name: http, protocol: HTTP}, hosts: "
                          "['default/*.shop.example', './b.example', 'else/c.example']}\n") +
                  test::kMyapp +
                  routes("name: a",
                         "  hosts: [x.shop.example, '*.example', c.example]\n  gateways: [edge]\n  http: [{" +
                             kToMyapp + "}]")),
      "http.80");
  Texts hosts;
  for (const auto& host : config.virtual_hosts()) hosts.push_back(host.domains(0));
  EXPECT_EQ(hosts, (Texts{"x.shop.example", "*.shop.example", "b.example"}));
}

TEST(Gateway, MatchesMayBeForOneGatewayOnly) {
  const auto config =
      table(snapshot_of(gateway(kHttp) + test::kMyapp +
                        routes("name: a",
                               "  hosts: [myapp]\n  gateways: [edge, mesh]\n  http:\n"
                               "  - {match: [{uri: {prefix: /mesh}, gateways: [mesh]}], " +
                                   kToMyapp +
                                   "}\n"
                                   "  - {match: [{uri: {prefix: /edge}, gateways: [default/edge]}], " +
                                   kToMyapp +
                                   "}\n"
                                   "  - {match: [{uri: {prefix: /port}, port: 81}], " +
                                   kToMyapp + "}\n")),
            "http.80");
  EXPECT_EQ(config.virtual_hosts(0).name(), "myapp.default.svc.cluster.local:80");
  EXPECT_EQ(paths(config.virtual_hosts(0)), Texts{"/edge"});
}

TEST(Gateway, HttpsRedirect) {
  const auto config =
      table(snapshot_of(
                gateway("  - {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.example], tls: "
                        "{httpsRedirect: true}}\n"
                        "  - {port: {number: 80, name: more, protocol: HTTP2}, hosts: [b.example]}\n") +
                test::kMyapp +
                routes("name: a", "  hosts: [b.example]\n  gateways: [edge]\n  http: [{" + kToMyapp + "}]")),
            "http.80");
  ASSERT_EQ(config.virtual_hosts_size(), 2);
  EXPECT_EQ(config.virtual_hosts(0).name(), "a.example:80");
  EXPECT_EQ(config.virtual_hosts(0).require_tls(), VirtualHost::ALL);
  EXPECT_EQ(config.virtual_hosts(1).require_tls(), VirtualHost::NONE);
}

const std::string kHttps =
    "  - {port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.example, '*.a.example'], tls: {mode: "
    "SIMPLE, credentialName: a-tls}}\n"
    "  - {port: {number: 443, name: b, protocol: HTTPS}, hosts: [b.example], tls: {mode: MUTUAL, "
    "credentialName: b-tls, subjectAltNames: [client], "
    "minProtocolVersion: TLSV1_3, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]}}\n";

TEST(Gateway, HttpsByCredential) {
  const auto snapshot = snapshot_of(gateway(kHttps));
  const auto https = listener(snapshot, "0.0.0.0_443");
  ASSERT_EQ(https.filter_chains_size(), 2);
  EXPECT_EQ(https.listener_filters(0).name(), "envoy.filters.listener.tls_inspector");
  EXPECT_EQ(https.filter_chains(0).filter_chain_match().server_names_size(), 2);
  EXPECT_EQ(manager(https).rds().route_config_name(), "https.443.a.edge.default");
  const auto simple = tls(https);
  EXPECT_FALSE(simple.require_client_certificate().value());
  const auto& secret = simple.common_tls_context().tls_certificate_sds_secret_configs(0);
  EXPECT_EQ(secret.name(), "kubernetes://a-tls");
  EXPECT_FALSE(secret.sds_config().has_initial_fetch_timeout())
      << "one missing Secret must not hold up all servers";
  EXPECT_EQ(simple.common_tls_context().alpn_protocols(0), "h2");
  const auto mutual = tls(https, 1);
  EXPECT_TRUE(mutual.require_client_certificate().value());
  const auto& validation = mutual.common_tls_context().combined_validation_context();
  EXPECT_EQ(validation.validation_context_sds_secret_config().name(), "kubernetes://b-tls-cacert");
  EXPECT_EQ(validation.default_validation_context().match_typed_subject_alt_names(0).matcher().exact(),
            "client");
  EXPECT_EQ(mutual.common_tls_context().tls_params().tls_minimum_protocol_version(),
            envoy::extensions::transport_sockets::tls::v3::TlsParameters::TLSv1_3);
  EXPECT_EQ(mutual.common_tls_context().tls_params().cipher_suites(0), "ECDHE-RSA-AES128-GCM-SHA256");
  EXPECT_EQ(names(snapshot, XdsType::kRoute),
            (Texts{"https.443.a.edge.default", "https.443.b.edge.default"}));
  ASSERT_EQ(snapshot.credentials.size(), 2U);
  EXPECT_EQ(snapshot.credentials[1].name, "b-tls");
  EXPECT_TRUE(snapshot.credentials[1].with_ca);
  EXPECT_EQ(snapshot.credentials[1].place.path, "spec.servers[1].tls.credentialName");
}

TEST(Gateway, NoSecretsForWhoHasNotProvedWhoItIs) {
  const auto snapshot = snapshot_of(gateway(kHttps), edge(false));
  EXPECT_TRUE(names(snapshot, XdsType::kListener).empty());
  EXPECT_TRUE(snapshot.credentials.empty());
  ASSERT_EQ(snapshot.notes.size(), 2U);
  EXPECT_NE(notes(snapshot).front().find("spec.servers[0]: is left out"), std::string::npos)
      << notes(snapshot).front();
}

TEST(Gateway, FilesNeedNoProof) {
  const auto https = listener(
      snapshot_of(gateway("  - {port: {number: 443, name: a, protocol: HTTPS}, hosts: ['*'], tls: {mode: "
                          "OPTIONAL_MUTUAL, "
                          "serverCertificate: /c.pem, privateKey: /k.pem, caCertificates: /ca.pem}}\n"),
                  edge(false)),
      "0.0.0.0_443");
  EXPECT_EQ(https.filter_chains(0).filter_chain_match().server_names_size(), 0) << "any name";
  const auto context = tls(https);
  EXPECT_EQ(context.common_tls_context().tls_certificates(0).private_key().filename(), "/k.pem");
  EXPECT_EQ(context.common_tls_context().validation_context().trusted_ca().filename(), "/ca.pem");
  EXPECT_FALSE(context.require_client_certificate().value());
}

TEST(Gateway, PassthroughGoesByName) {
  const auto snapshot = snapshot_of(
      gateway("  - {port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example'], tls: {mode: "
              "PASSTHROUGH}}\n") +
      test::kMyapp +
      routes("name: a",
             "  hosts: [a.example, b.example]\n  gateways: [edge]\n  tls:\n"
             "  - {match: [{port: 443, sniHosts: [a.example, elsewhere.org]}], route: [{destination: {host: "
             "myapp, port: {number: 8080}}}]}\n"
             "  - {match: [{port: 444, sniHosts: [b.example]}], route: [{destination: {host: myapp}}]}\n"));
  const auto all = listener(snapshot, "0.0.0.0_443");
  ASSERT_EQ(all.filter_chains_size(), 1);
  const auto& match = all.filter_chains(0).filter_chain_match();
  ASSERT_EQ(match.server_names_size(), 1) << "elsewhere.org is none of the server's";
  EXPECT_EQ(match.server_names(0), "a.example");
  EXPECT_EQ(all.filter_chains(0).filters(0).name(), "envoy.filters.network.tcp_proxy");
  EXPECT_EQ(names(snapshot, XdsType::kCluster), Texts{"outbound|8080||myapp.default.svc.cluster.local"});
}

TEST(Gateway, TcpAndTlsThatEndsHere) {
  const std::string tcp = "route: [{destination: {host: myapp, port: {number: 8080}}}]";
  const auto snapshot = snapshot_of(
      gateway("  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}\n"
              "  - {port: {number: 9001, name: tls, protocol: TLS}, hosts: ['*'], tls: {mode: SIMPLE, "
              "credentialName: c}}\n"
              "  - {port: {number: 9002, name: none, protocol: TCP}, hosts: [other.example], bind: "
              "127.0.0.1}\n") +
      test::kMyapp +
      routes("name: a", "  hosts: [db.example]\n  gateways: [edge]\n  tcp:\n  - {match: [{port: 9000}], " +
                            tcp + "}\n  - {match: [{port: 9001}], " + tcp + "}\n"));
  EXPECT_EQ(names(snapshot, XdsType::kListener), (Texts{"0.0.0.0_9000", "0.0.0.0_9001"}));
  EXPECT_FALSE(listener(snapshot, "0.0.0.0_9000").filter_chains(0).has_transport_socket());
  const auto secure = listener(snapshot, "0.0.0.0_9001");
  EXPECT_EQ(tls(secure).common_tls_context().alpn_protocols_size(), 0);
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_NE(notes(snapshot)[0].find("no VirtualService says where"), std::string::npos);
}

TEST(Gateway, TheServiceSaysWhereAPortArrives) {
  const std::string service =
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: edge}\nspec:\n  selector: {app: edge}\n"
      "  ports: [{name: http, port: 80, targetPort: 8080}]\n";
  const auto snapshot = snapshot_of(gateway(kHttp) + service);
  EXPECT_EQ(names(snapshot, XdsType::kListener), Texts{"0.0.0.0_8080"});
  EXPECT_EQ(names(snapshot, XdsType::kRoute), Texts{"http.8080"});
  EXPECT_EQ(table(snapshot, "http.8080").virtual_hosts(0).name(), "blackhole:80");
}

TEST(Gateway, OfServersThatCannotShareThePortTheOlderHasIt) {
  const auto snapshot =
      snapshot_of(gateway(kHttps, "name: edge, creationTimestamp: '2026-01-01T00:00:00Z'") +
                  gateway("  - {port: {number: 443, name: http, protocol: HTTP}, hosts: ['*']}\n"
                          "  - {port: {number: 443, name: c, protocol: HTTPS}, hosts: [c.example, "
                          "b.example], tls: {mode: SIMPLE, credentialName: c}}\n"
                          "  - {port: {number: 443, name: d, protocol: HTTPS}, hosts: [d.example], tls: "
                          "{mode: SIMPLE, credentialName: d}}\n",
                          "name: late, creationTimestamp: '2026-01-02T00:00:00Z'"));
  EXPECT_EQ(listener(snapshot, "0.0.0.0_443").filter_chains_size(), 3);
  ASSERT_EQ(snapshot.notes.size(), 2U);
  EXPECT_NE(notes(snapshot)[0].find("taken with another protocol by Gateway default/edge"),
            std::string::npos);
  EXPECT_NE(notes(snapshot)[1].find("\"b.example\" already"), std::string::npos) << notes(snapshot)[1];
}

TEST(Gateway, TokensAreCheckedBeforeTheRouteIsChosen) {
  const std::string policy =
      "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: a}\n"
      "spec: {selector: {matchLabels: {istio: ingress}}, jwtRules: [{issuer: me, jwks: '{}'}]}\n";
  const auto snapshot = snapshot_of(
      gateway(kHttp) + test::kMyapp + policy +
      routes(
          "name: a",
          "  hosts: [myapp]\n  gateways: [edge]\n  http:\n"
          "  - {match: [{headers: {'@request.auth.claims[group]': {exact: beta}}}], rewrite: {uri: /beta}, " +
              kToMyapp +
              "}\n"
              "  - {" +
              kToMyapp + "}\n"));
  const auto http = manager(listener(snapshot, "0.0.0.0_80"));
  const auto filter = std::ranges::find_if(
      http.http_filters(), [](const auto& f) { return f.name() == "envoy.filters.http.jwt_authn"; });
  ASSERT_NE(filter, http.http_filters().end());
  envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication jwt;
  ASSERT_TRUE(filter->typed_config().UnpackTo(&jwt));
  EXPECT_TRUE(jwt.providers().at("origins-0").clear_route_cache());
  // A match on claims alone takes not every request: what stands behind it must be there.
  EXPECT_EQ(table(snapshot, "http.80").virtual_hosts(0).routes_size(), 2);
}

TEST(Gateway, ClaimsOnlyPuzzleSidecars) {
  const std::string match =
      "  http: [{match: [{headers: {'@request.auth.claims[a]': {exact: b}}}], " + kToMyapp + "}]";
  EXPECT_TRUE(
      test::findings_of(routes("name: a", "  hosts: [a.example]\n  gateways: [edge]\n" + match)).empty());
  const auto both =
      test::findings_of(routes("name: a", "  hosts: [a.example]\n  gateways: [edge, mesh]\n" + match));
  ASSERT_EQ(both.size(), 1U);
  EXPECT_NE(both[0].find("matches claims of a token"), std::string::npos);
}

TEST(Gateway, UnknownOnesAreAWarning) {
  const auto registry =
      test::registry(gateway(kHttp) + test::kMyapp +
                     routes("name: a", "  hosts: [a.example]\n  gateways: [edge, nowhere, mesh]\n  http: [{" +
                                           kToMyapp + "}]"));
  const auto found = test::texts(registry.findings());
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NE(found[0].find("spec.gateways[1]: no Gateway default/nowhere is there"), std::string::npos)
      << found[0];
}

TEST(Gateway, WhatIsWrongIsSaidWithItsPath) {
  const auto faults = [](const std::string& server) {
    const auto found = test::findings_of(gateway("  - {" + server + "}\n"));
    return found.empty() ? std::string("none") : found.front();
  };
  const std::string port = "port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.example]";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"port: {number: 80, name: a, protocol: SMTP}, hosts: [a]", "spec.servers[0].port.protocol"},
      {"port: {number: 80, name: a, protocol: http}, hosts: [a]", "none"},
      {"port: {number: 80, name: a, protocol: HTTP}", "spec.servers[0].hosts"},
      {"port: {number: 80, name: a, protocol: HTTP}, hosts: ['a.*']", "spec.servers[0].hosts"},
      {"port: {number: 80, name: a, protocol: HTTP}, hosts: [a, a]", "stands there twice"},
      {"port: {number: 80, name: a, protocol: HTTP}, hosts: [a], defaultEndpoint: '127.0.0.1:1'",
       "spec.servers[0].defaultEndpoint"},
      {"port: {number: 80, name: a, protocol: HTTP}, hosts: [a], bind: here", "spec.servers[0].bind"},
      {port, "spec.servers[0].tls: is required"},
      {port + ", tls: {mode: AUTO_PASSTHROUGH}", "spec.servers[0].tls.mode: AUTO_PASSTHROUGH"},
      {port + ", tls: {mode: SIMPLE}", "spec.servers[0].tls.serverCertificate: is required"},
      {port + ", tls: {mode: MUTUAL, serverCertificate: /c, privateKey: /k}",
       "spec.servers[0].tls.caCertificates: is required"},
      {port + ", tls: {mode: PASSTHROUGH, credentialName: x}",
       "spec.servers[0].tls.credentialName: has no place"},
      {port + ", tls: {mode: SIMPLE, credentialName: other/x}",
       "spec.servers[0].tls.credentialName: must name"},
      {port + ", tls: {mode: SIMPLE, credentialName: x, httpsRedirect: true}",
       "httpsRedirect is for ports that say HTTP"},
      {port + ", tls: {mode: SIMPLE, credentialName: x, minProtocolVersion: TLSV1_3, maxProtocolVersion: "
              "TLSV1_2}",
       "is above maxProtocolVersion"},
  };
  for (const auto& [server, wanted] : cases)
    EXPECT_NE(faults(server).find(wanted), std::string::npos) << server << "\n" << faults(server);
}

}  // namespace
}  // namespace remora::istio
