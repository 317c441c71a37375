#include "istio/build/intercepted.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/istio/layout_rows.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using Rows = std::vector<std::string>;

ProxyNode pod(const std::string& ip = "10.0.9.1", bool identified = true) {
  return intercepted_at(ip, identified);
}

std::string service(const std::string& name, const std::string& spec) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + name +
         "}, " + spec + "}\n---\n";
}

std::string workload(const std::string& app, const std::string& address) {
  return "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: " + app + "-" + address +
         "}\nspec: {address: " + address + ", labels: {app: " + app + "}}\n---\n";
}

std::string object(const std::string& kind, const std::string& name, const std::string& spec) {
  const std::string group = kind == "PeerAuthentication" ? "security" : "networking";
  return "apiVersion: " + group + ".istio.io/v1\nkind: " + kind + "\nmetadata: {name: " + name +
         "}\nspec: " + spec + "\n---\n";
}

/// What the snapshot says of the listener called `name`.
Rows rows_of(const Snapshot& snapshot, const std::string& name) {
  Rows rows = listener_rows(snapshot);
  std::erase_if(rows, [&](const std::string& row) { return !row.starts_with(name + ' '); });
  for (std::string& row : rows) row.erase(0, name.size() + 1);
  return rows;
}

Rows rows_of(const std::string& yaml, const std::string& name, const ProxyNode& node = pod()) {
  return rows_of(build_snapshot(registry(yaml), node), name);
}

listener_v3::Listener listener(const Snapshot& snapshot, const std::string& name) {
  return decoded<listener_v3::Listener>(*snapshot.group(XdsType::kListener).resources.get(name));
}

const std::string kTcp = service("db", "clusterIP: 10.96.0.1, ports: [{name: tcp, port: 5432}]") +
                         service("queue", "clusterIP: 10.96.0.2, ports: [{name: tcp, port: 5432}]");
const std::string kUnnamed =
    service("any", "clusterIP: 10.96.0.3, ports: [{port: 8080}]") + workload("any", "10.0.1.1");

TEST(InterceptedOutbound, TcpServicesOfOnePortAreToldApartByAddress) {
  const Snapshot snapshot = build_snapshot(registry(kTcp), pod());
  EXPECT_EQ(rows_of(snapshot, "10.96.0.1_5432"),
            (Rows{"10.96.0.1:5432 outbound unbound",
                  "chain - | any | tcp outbound|5432||db.default.svc.cluster.local"}));
  EXPECT_EQ(rows_of(snapshot, "10.96.0.2_5432").back(),
            "chain - | any | tcp outbound|5432||queue.default.svc.cluster.local");
  EXPECT_EQ(texts(snapshot.notes), Rows{});
}

TEST(InterceptedOutbound, PodsOfAHeadlessServiceAreCalledByTheirOwnNames) {
  const std::string yaml = service("db", "clusterIP: None, ports: [{name: http, port: 80}]");
  const auto domains = [&](ProxyNode node) {
    const Snapshot snapshot = build_snapshot(registry(yaml), node);
    const auto table = decoded<envoy::config::route::v3::RouteConfiguration>(
        *snapshot.group(XdsType::kRoute).resources.get("80"));
    return Rows(table.virtual_hosts(0).domains().begin(), table.virtual_hosts(0).domains().end());
  };
  const Rows names = domains(pod());
  for (const char* name :
       {"db", "*.db", "*.db.default", "*.db.default.svc", "*.db.default.svc.cluster.local"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
  ProxyNode told = pod();
  told.interception = Interception::kNone;
  const Rows plain = domains(told);
  EXPECT_EQ(std::find(plain.begin(), plain.end(), "*.db"), plain.end()) << "nobody knows which pod was meant";
}

TEST(InterceptedOutbound, HostsThatOnlyClientsCanFindAreLetThrough) {
  const std::string yaml =
      object("ServiceEntry", "out",
             "{hosts: [\"*.out.test\"], resolution: NONE, ports: [{number: 80, name: http}, "
             "{number: 443, name: tls}]}") +
      object("Sidecar", "default",
             "{egress: [{hosts: [\"*/*\"]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}");
  const Snapshot snapshot = build_snapshot(registry(yaml), pod());
  const auto& clusters = snapshot.group(XdsType::kCluster).resources;
  const auto cluster =
      decoded<envoy::config::cluster::v3::Cluster>(*clusters.get("outbound|443||*.out.test"));
  EXPECT_EQ(cluster.type(), envoy::config::cluster::v3::Cluster::ORIGINAL_DST);
  EXPECT_TRUE(snapshot.group(XdsType::kEndpoint).resources.empty());
  const auto table = decoded<envoy::config::route::v3::RouteConfiguration>(
      *snapshot.group(XdsType::kRoute).resources.get("80"));
  EXPECT_EQ(table.virtual_hosts(0).domains(0), "*.out.test");
  const auto rows = rows_of(snapshot, "0.0.0.0_443");
  EXPECT_NE(std::find(rows.begin(), rows.end(), "chain - | name *.out.test | tcp outbound|443||*.out.test"),
            rows.end())
      << ::testing::PrintToString(rows);
  EXPECT_EQ(rows.back(), "else PassthroughFilterChain | tcp BlackHoleCluster");
}

TEST(InterceptedOutbound, PassthroughGoesWhereTheConnectionWantedToGo) {
  using envoy::config::cluster::v3::Cluster;
  const std::string yaml = kTcp + object("DestinationRule", "db",
                                         "{host: db, trafficPolicy: {loadBalancer: {simple: PASSTHROUGH}}}");
  const auto db = [&](const ProxyNode& node) {
    const Snapshot snapshot = build_snapshot(registry(yaml), node);
    const auto& clusters = snapshot.group(XdsType::kCluster).resources;
    return decoded<Cluster>(*clusters.get("outbound|5432||db.default.svc.cluster.local"));
  };
  EXPECT_EQ(db(pod()).type(), Cluster::ORIGINAL_DST);
  EXPECT_EQ(db(pod()).lb_policy(), Cluster::CLUSTER_PROVIDED);
  ProxyNode told = pod();
  told.interception = Interception::kNone;
  EXPECT_EQ(db(told).type(), Cluster::EDS) << "nobody knows where it wanted to go";
}

TEST(InterceptedOutbound, WithoutInterceptionNobodyKnowsWhereAConnectionWasGoing) {
  ProxyNode node = pod();
  node.interception = Interception::kNone;
  const Snapshot snapshot = build_snapshot(
      registry(object("ServiceEntry", "out", "{hosts: [out.test], ports: [{number: 80, name: http}]}")),
      node);
  EXPECT_TRUE(snapshot.group(XdsType::kCluster).resources.empty());
  ASSERT_EQ(texts(snapshot.notes).size(), 1U);
  EXPECT_NE(texts(snapshot.notes)[0].find("host out.test: is left out: its resolution is NONE"),
            std::string::npos)
      << texts(snapshot.notes)[0];
}

TEST(InterceptedOutbound, WhatDeclaresNothingIsHttpOrBytesByItsFirstBytes) {
  const Snapshot snapshot = build_snapshot(registry(kUnnamed), pod());
  const std::string host = "any.default.svc.cluster.local";
  EXPECT_EQ(rows_of(snapshot, "10.96.0.3_8080"),
            (Rows{"10.96.0.3:8080 outbound unbound", "look http_inspector",
                  "chain - | raw_buffer http/1.1 h2c | http table " + host + ":8080",
                  "else  | tcp outbound|8080||" + host}))
      << "a chain for any transport would never be reached beside one for raw_buffer";
  const auto& routes = snapshot.group(XdsType::kRoute).resources;
  const auto table = decoded<envoy::config::route::v3::RouteConfiguration>(*routes.get(host + ":8080"));
  ASSERT_EQ(table.virtual_hosts_size(), 1);
  EXPECT_EQ(table.virtual_hosts(0).domains(0), "*");
  // Its server may speak first: nobody waits for ever.
  EXPECT_EQ(listener(snapshot, "10.96.0.3_8080").listener_filters_timeout().seconds(), 5);
  EXPECT_TRUE(listener(snapshot, "10.96.0.3_8080").continue_on_listener_filters_timeout());
}

TEST(InterceptedOutbound, HttpMayTakeItsTime) {
  const std::string yaml = service("web", "clusterIP: 10.96.0.4, ports: [{name: http, port: 80}]");
  const auto http = listener(build_snapshot(registry(yaml), pod()), "0.0.0.0_80");
  EXPECT_TRUE(http.has_listener_filters_timeout());
  EXPECT_EQ(http.listener_filters_timeout().seconds(), 0);
}

TEST(InterceptedOutbound, HeadlessServicesAreReachedWhereTheirClientWants) {
  const std::string yaml = service("peers", "clusterIP: None, ports: [{name: tcp, port: 7000}]") +
                           workload("peers", "10.0.1.1") + workload("peers", "10.0.1.2");
  const Snapshot snapshot = build_snapshot(registry(yaml), pod());
  const std::string cluster = "outbound|7000||peers.default.svc.cluster.local";
  EXPECT_EQ(rows_of(snapshot, "10.0.1.1_7000").back(), "chain - | any | tcp " + cluster);
  EXPECT_EQ(rows_of(snapshot, "10.0.1.2_7000").back(), "chain - | any | tcp " + cluster);
  const Rows clusters = cluster_rows(snapshot);
  EXPECT_NE(
      std::find(clusters.begin(), clusters.end(), "cluster " + cluster + " ORIGINAL_DST CLUSTER_PROVIDED"),
      clusters.end());
  EXPECT_TRUE(snapshot.group(XdsType::kEndpoint).resources.empty());
}

TEST(InterceptedOutbound, ReservedPortsAreNotForServices) {
  const std::string yaml = service("web", "clusterIP: 10.96.0.4, ports: [{name: http, port: 15021}]");
  const Snapshot snapshot = build_snapshot(registry(yaml), pod());
  EXPECT_EQ(rows_of(snapshot, "0.0.0.0_15021"), Rows{});
  ASSERT_EQ(snapshot.notes.size(), 1U);
  EXPECT_EQ(snapshot.notes[0].path, "listener 0.0.0.0_15021");
}

TEST(InterceptedOutbound, BothFamiliesHaveListeners) {
  ProxyNode both = pod();
  both.addresses.emplace_back("fd00::1");
  EXPECT_EQ(rows_of("", "virtualOutbound", both).front(), "0.0.0.0:15001 :::15001 outbound original_dst");
  EXPECT_EQ(rows_of("", "virtualInbound", pod("fd00::1")).front(), ":::15006 inbound");
  const Rows clusters = cluster_rows(build_snapshot(registry(""), pod("fd00::1")));
  EXPECT_EQ(clusters[1], "cluster InboundPassthroughCluster ORIGINAL_DST CLUSTER_PROVIDED from ::6");
}

TEST(InterceptedOutbound, UnknownHostsAreRefusedWhereTheMeshSaysSo) {
  const Registry strict(resources(service("web", "ports: [{name: http, port: 80}]")),
                        {.outbound_policy = OutboundPolicy::kRegistryOnly});
  const Snapshot snapshot = build_snapshot(strict, pod());
  EXPECT_EQ(rows_of(snapshot, "virtualOutbound").back(),
            "chain virtualOutbound-catchall-tcp | any | tcp BlackHoleCluster");
  EXPECT_EQ(rows_of(snapshot, "0.0.0.0_80").back(), "else PassthroughFilterChain | tcp BlackHoleCluster");
  const auto table = decoded<envoy::config::route::v3::RouteConfiguration>(
      *snapshot.group(XdsType::kRoute).resources.get("80"));
  EXPECT_EQ(table.virtual_hosts().rbegin()->name(), "block_all");
  EXPECT_EQ(table.virtual_hosts().rbegin()->routes(0).direct_response().status(), 502U);
}

TEST(Sidecars, SayWhatTheirWorkloadsKnowAndMayReach) {
  const std::string yaml =
      kTcp + object("Sidecar", "mine",
                    "{workloadSelector: {labels: {app: x}}, egress: [{hosts: [./db.default.svc."
                    "cluster.local]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}");
  ProxyNode mine = pod();
  mine.labels = {{"app", "x"}};
  EXPECT_EQ(rows_of(yaml, "10.96.0.2_5432", mine), Rows{});
  EXPECT_EQ(rows_of(yaml, "10.96.0.1_5432", mine).size(), 2U);
  EXPECT_EQ(rows_of(yaml, "virtualOutbound", mine).back(),
            "chain virtualOutbound-catchall-tcp | any | tcp BlackHoleCluster");
  EXPECT_EQ(rows_of(yaml, "10.96.0.2_5432").size(), 2U);  // not selected
  EXPECT_EQ(rows_of(yaml, "virtualOutbound").back(),
            "chain virtualOutbound-catchall-tcp | any | tcp PassthroughCluster");
}

TEST(Sidecars, KnowWhatTheirVirtualServicesLeadTo) {
  const std::string yaml =
      kTcp + object("Sidecar", "mine", "{egress: [{hosts: [./db.default.svc.cluster.local]}]}") +
      object("VirtualService", "db", "{hosts: [db], tcp: [{route: [{destination: {host: queue}}]}]}");
  const Snapshot snapshot = build_snapshot(registry(yaml), pod());
  EXPECT_EQ(rows_of(snapshot, "10.96.0.1_5432").back(),
            "chain - | any | tcp outbound|5432||queue.default.svc.cluster.local");
  EXPECT_TRUE(
      snapshot.group(XdsType::kCluster).resources.contains("outbound|5432||queue.default.svc.cluster.local"));
  EXPECT_EQ(rows_of(snapshot, "10.96.0.2_5432"), Rows{}) << "it is not among what is called, as in Istio";
}

TEST(Sidecars, SayAllThatIsWrongWithThem) {
  const auto findings =
      findings_of(object("Sidecar", "s",
                         "{ingress: [{}], egress: [{hosts: [a], port: {}, captureMode: X}], "
                         "outboundTrafficPolicy: {mode: X, egressProxy: {}}}"));
  for (const char* path :
       {"spec.ingress[0].port", "spec.egress[0].hosts", "spec.egress[0].port.number",
        "spec.egress[0].captureMode", "spec.outboundTrafficPolicy.mode",
        "spec.outboundTrafficPolicy.egressProxy.host", "spec.outboundTrafficPolicy.egressProxy.port"}) {
    EXPECT_TRUE(std::ranges::any_of(
        findings, [&](const std::string& text) { return text.find(path) != std::string::npos; }))
        << path << ": " << ::testing::PrintToString(findings);
  }
}

TEST(TcpRoutes, ShareConnectionsByWeightAndPort) {
  const std::string yaml =
      kTcp +
      object(
          "VirtualService", "db",
          "{hosts: [db], tcp: [{match: [{port: 1}], route: [{destination: {host: db}}]}, {match: "
          "[{destinationSubnets: [10.0.0.0/8]}, {sourceLabels: {app: y}}], route: [{destination: {host: "
          "queue}}]}, {route: [{destination: {host: db}, weight: 90}, {destination: {host: queue}, weight: "
          "10}]}, {route: [{destination: {host: queue}}]}]}");
  EXPECT_EQ(rows_of(yaml, "10.96.0.1_5432"),
            (Rows{"10.96.0.1:5432 outbound unbound",
                  "chain - | to 10.0.0.0/8 | tcp outbound|5432||queue.default.svc.cluster.local",
                  "chain - | any | tcp outbound|5432||db.default.svc.cluster.local=90 "
                  "outbound|5432||queue.default.svc.cluster.local=10 "}));
}

TEST(TlsRoutes, AreFollowedByName) {
  const std::string yaml = service("secure", "clusterIP: 10.96.0.5, ports: [{name: https, port: 443}]") +
                           service("other", "ports: [{name: https, port: 443}]") +
                           object("VirtualService", "secure",
                                  "{hosts: [secure], tls: [{match: [{sniHosts: [a.test, b.test]}], route: "
                                  "[{destination: {host: other}}]}]}");
  EXPECT_EQ(rows_of(yaml, "10.96.0.5_443"),
            (Rows{"10.96.0.5:443 outbound unbound", "look tls_inspector",
                  "chain - | name a.test name b.test | tcp outbound|443||other.default.svc.cluster.local",
                  "else PassthroughFilterChain | tcp PassthroughCluster"}));
}

Rows inbound(const std::string& mode, const std::string& port, bool identified = true) {
  const std::string yaml = service("app", "ports: [{name: " + port + ", port: 80, targetPort: 8080}]") +
                           workload("app", "10.0.9.1") +
                           object("PeerAuthentication", "default", "{mtls: {mode: " + mode + "}}");
  Rows rows = rows_of(yaml, "virtualInbound", pod("10.0.9.1", identified));
  std::erase_if(rows, [](const std::string& row) { return !row.starts_with("chain 0.0.0.0_8080"); });
  for (std::string& row : rows) row.erase(0, std::string("chain 0.0.0.0_8080 | port 8080").size());
  return rows;
}

TEST(InterceptedInbound, TakesMutualTlsAsThePolicySays) {
  const std::string http = "http inbound|http|80 inbound|8080||";
  const std::string tcp = "tcp inbound|8080||";
  const std::string words = " tls istio istio-peer-exchange istio-http/1.0 istio-http/1.1 istio-h2 | ";
  EXPECT_EQ(inbound("STRICT", "http"), (Rows{" tls | " + http + " mtls"}));
  EXPECT_EQ(inbound("DISABLE", "http"), (Rows{" | " + http}));
  EXPECT_EQ(inbound("PERMISSIVE", "http"), (Rows{words + http + " mtls", " raw_buffer | " + http}));
  EXPECT_EQ(inbound("PERMISSIVE", "tcp"),
            (Rows{words + tcp + " mtls", " raw_buffer | " + tcp, " tls | " + tcp}));
  EXPECT_EQ(inbound("DISABLE", "x"),
            (Rows{" raw_buffer http/1.1 h2c | " + http, " raw_buffer | " + tcp, " tls | " + tcp}));
  EXPECT_EQ(inbound("STRICT", "x"), (Rows{" tls istio-http/1.0 istio-http/1.1 istio-h2 | " + http + " mtls",
                                          " tls | " + tcp + " mtls"}));
}

TEST(InterceptedInbound, NeverFallsBackToPlainText) {
  EXPECT_EQ(inbound("STRICT", "http", false), (Rows{" | tcp BlackHoleCluster"}));
  EXPECT_EQ(inbound("PERMISSIVE", "tcp", false), (Rows{" | tcp inbound|8080||"}));
}

TEST(InterceptedInbound, LooksOnlyWhereItMust) {
  const std::string yaml =
      service("app", "ports: [{name: http, port: 80, targetPort: 8080}]") + workload("app", "10.0.9.1");
  const Rows rows = rows_of(yaml, "virtualInbound");
  EXPECT_EQ(rows[1], "look original_dst");
  EXPECT_EQ(rows[2], "look tls_inspector not 15006");
  EXPECT_EQ(rows[3], "look http_inspector not 8080 not 15006");
}

TEST(InterceptedInbound, PortsOfNoServiceMayHaveTheirOwnPolicy) {
  const std::string yaml =
      object("PeerAuthentication", "mine",
             "{selector: {matchLabels: {app: x}}, mtls: {mode: STRICT}, portLevelMtls: {9000: "
             "{mode: DISABLE}}}");
  ProxyNode mine = pod();
  mine.labels = {{"app", "x"}};
  const Rows rows = rows_of(yaml, "virtualInbound", mine);
  EXPECT_EQ(rows.back(), "chain virtualInbound | port 9000 tls | tcp InboundPassthroughCluster");
  EXPECT_NE(std::find(rows.begin(), rows.end(), "look http_inspector only(not 9000)"), rows.end());
}

TEST(InterceptedInbound, TproxyKeepsTheClientsAddress) {
  ProxyNode node = pod();
  node.interception = Interception::kTproxy;
  const Rows rows = rows_of("", "virtualInbound", node);
  EXPECT_EQ(rows[0], "0.0.0.0:15006 inbound transparent");
  EXPECT_EQ(rows[2], "look original_src");
}

TEST(InterceptedProxies, ThatAreAlikeShareTheirOutboundSide) {
  EXPECT_EQ(pod("10.0.9.1").outbound_key(), pod("10.0.9.2").outbound_key());
}

}  // namespace
}  // namespace remora::istio::test
