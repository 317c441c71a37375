#include <gtest/gtest.h>

#include <algorithm>

#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/snapshot.h"
#include "unit/istio/layout_rows.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::route::v3::RouteConfiguration;
using Rows = std::vector<std::string>;

std::string service(const std::string& name, const std::string& address, const std::string& ports) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + "}\nspec: {selector: {app: " + name +
         "}, clusterIP: " + address + ", ports: [" + ports + "]}\n---\n";
}

const std::string kMesh = service("web", "10.96.0.1", "{name: http, port: 80}, {name: http-b, port: 81}") +
                          service("api", "10.96.0.2", "{name: http, port: 80}") +
                          service("db", "10.96.0.3", "{name: tcp, port: 5432}");

std::string sidecar(const std::string& spec) {
  return "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: s}\nspec: {" + spec +
         "}\n---\n";
}

Snapshot snapshot_of(const std::string& spec, bool intercepted = true) {
  const ProxyNode node = intercepted ? intercepted_at("10.0.9.1", true) : sidecar_at("10.0.9.1", true);
  return build_snapshot(registry(kMesh + sidecar(spec)), node);
}

bool has_listener(const Snapshot& snapshot, const std::string& name) {
  return snapshot.group(XdsType::kListener).resources.contains(name);
}

/// The hosts of a route table, without the one for unknown ones.
Rows hosts_of(const Snapshot& snapshot, const std::string& table) {
  Rows hosts;
  const auto& resource = snapshot.group(XdsType::kRoute).resources.get(table);
  if (resource == nullptr) return hosts;
  const auto config = decoded<RouteConfiguration>(*resource);
  for (const auto& host : config.virtual_hosts()) {
    if (host.domains(0) != "*") hosts.push_back(host.name().substr(0, host.name().find('.')));
  }
  return hosts;
}

std::string unknown_of(const Snapshot& snapshot, const std::string& table) {
  const auto routes = decoded<RouteConfiguration>(*snapshot.group(XdsType::kRoute).resources.get(table));
  return routes.virtual_hosts(routes.virtual_hosts_size() - 1).routes(0).route().cluster();
}

std::string first_finding(const std::string& spec) {
  const auto findings = findings_of(sidecar(spec));
  return findings.empty() ? std::string() : findings.front();
}

const std::string kRest = "{hosts: ['*/*']}";

TEST(SidecarEgress, APortOfItsOwnHasItsHostsAndNoOthers) {
  const std::string own =
      "{port: {number: 80, protocol: HTTP, name: http}, hosts: ['./web.default.svc.cluster.local']}";
  for (const bool intercepted : {true, false}) {
    const Snapshot snapshot = snapshot_of("egress: [" + own + ", " + kRest + "]", intercepted);
    EXPECT_EQ(hosts_of(snapshot, "80"), Rows{"web"}) << intercepted;
    EXPECT_EQ(hosts_of(snapshot, "81"), Rows{"web"}) << intercepted;
  }
  const Snapshot alone = snapshot_of("egress: [" + own + "]");
  EXPECT_TRUE(has_listener(alone, "0.0.0.0_80"));
  EXPECT_FALSE(has_listener(alone, "0.0.0.0_81")) << "no listener has it";
  EXPECT_FALSE(has_listener(alone, "10.96.0.3_5432"));
  EXPECT_FALSE(
      alone.group(XdsType::kCluster).resources.contains("outbound|80||api.default.svc.cluster.local"));
}

TEST(SidecarEgress, WithoutInterceptionAListenerStandsWhereItSays) {
  const Snapshot snapshot = snapshot_of(
      "egress: [{port: {number: 80, protocol: HTTP, name: http}, bind: 127.0.0.9, hosts: "
      "['./api.default.svc.cluster.local']}, " +
          kRest + "]",
      false);
  EXPECT_TRUE(has_listener(snapshot, "127.0.0.9_80"));
  EXPECT_TRUE(has_listener(snapshot, "127.0.0.1_80")) << "another address is another listener";
  EXPECT_TRUE(has_listener(snapshot, "127.0.0.1_5432"));
  EXPECT_EQ(hosts_of(snapshot, "80"), Rows{"api"}) << "both share the port's table";
}

TEST(SidecarEgress, WhatIsNotCapturedHasASocketOfItsOwn) {
  const Snapshot snapshot = snapshot_of(
      "egress: [{port: {number: 5432, protocol: TCP, name: tcp}, captureMode: NONE, hosts: "
      "['./db.default.svc.cluster.local']}, " +
      kRest + "]");
  ASSERT_TRUE(has_listener(snapshot, "127.0.0.1_5432"));
  const auto own =
      decoded<listener_v3::Listener>(*snapshot.group(XdsType::kListener).resources.get("127.0.0.1_5432"));
  EXPECT_FALSE(own.has_bind_to_port()) << "clients connect to it";
  EXPECT_TRUE(has_listener(snapshot, "10.96.0.3_5432")) << "what is captured has another address";
  const Snapshot all = snapshot_of("egress: [{captureMode: NONE, bind: 127.0.0.7, hosts: ['*/*']}]");
  EXPECT_TRUE(has_listener(all, "127.0.0.7_80"));
  EXPECT_FALSE(has_listener(all, "0.0.0.0_80"));
  EXPECT_EQ(hosts_of(all, "80").size(), 2U);
}

TEST(SidecarEgress, ACapturedAddressIsForAllServicesOfItsPort) {
  const Snapshot snapshot = snapshot_of(
      "egress: [{port: {number: 80, protocol: HTTP, name: http}, bind: 10.1.2.3, hosts: ['*/*']}]");
  const auto bound =
      decoded<listener_v3::Listener>(*snapshot.group(XdsType::kListener).resources.get("10.1.2.3_80"));
  EXPECT_FALSE(bound.bind_to_port().value());
  ASSERT_EQ(bound.filter_chains_size(), 1);
  EXPECT_FALSE(bound.filter_chains(0).has_filter_chain_match()) << "requests, whatever they look like";
  EXPECT_EQ(hosts_of(snapshot, "80").size(), 2U);
}

TEST(SidecarEgress, TheListenersProtocolIsWhatCounts) {
  const Snapshot snapshot = snapshot_of(
      "egress: [{port: {number: 80, protocol: TCP, name: tcp}, bind: 10.1.2.3, hosts: "
      "['./api.default.svc.cluster.local']}]");
  const auto rows = listener_rows(snapshot);
  EXPECT_TRUE(std::ranges::any_of(rows, [](const std::string& row) {
    return row.starts_with("10.1.2.3_80 ") && row.find("tcp outbound|80||api.") != std::string::npos;
  })) << testing::PrintToString(rows);
}

TEST(SidecarEgress, HostsCanBeTakenAway) {
  const Snapshot snapshot = snapshot_of("egress: [{hosts: ['*/*', '~./api.default.svc.cluster.local']}]");
  EXPECT_EQ(hosts_of(snapshot, "80"), Rows{"web"});
}

TEST(SidecarEgress, UnknownTrafficGoesToTheEgressProxy) {
  const std::string proxy =
      "egressProxy: {host: db.default.svc.cluster.local, port: {number: 5432}, subset: v1}";
  const Snapshot snapshot = snapshot_of(
      "egress: [{hosts: ['./web.default.svc.cluster.local']}], outboundTrafficPolicy: {mode: ALLOW_ANY, " +
      proxy + "}");
  const std::string cluster = "outbound|5432|v1|db.default.svc.cluster.local";
  EXPECT_EQ(unknown_of(snapshot, "80"), cluster);
  EXPECT_TRUE(
      snapshot.group(XdsType::kCluster).resources.contains("outbound|5432||db.default.svc.cluster.local"))
      << "although no egress listener names it";
  const auto rows = listener_rows(snapshot);
  EXPECT_TRUE(std::ranges::any_of(rows, [&](const std::string& row) {
    return row.starts_with("virtualOutbound ") && row.find("tcp " + cluster) != std::string::npos;
  })) << testing::PrintToString(rows);
  EXPECT_EQ(unknown_of(snapshot_of("outboundTrafficPolicy: {}"), "80"), "")
      << "REGISTRY_ONLY is Istio's zero";
  EXPECT_EQ(unknown_of(snapshot_of("outboundTrafficPolicy: {mode: ALLOW_ANY}"), "80"), "PassthroughCluster");
}

TEST(SidecarEgress, RefusesWhatCannotBe) {
  const auto says = [](const std::string& spec, const std::string& text) {
    const std::string finding = first_finding(spec);
    EXPECT_NE(finding.find(text), std::string::npos) << spec << ": " << finding;
  };
  const std::string port = "port: {number: 80, protocol: HTTP, name: http}, hosts: ['*/*']";
  says("workloadSelector: {labels: {a: b}}", "says nothing");
  says("egress: [" + kRest + ", " + kRest + "]", "spec.egress[1]");
  says("egress: [" + kRest + ", {" + port + "}]", "must be the only one and the last");
  says("egress: [{" + port + "}, {" + port + "}]", "port 80 is used twice");
  says("egress: [{" + port + ", bind: web.test}]", "spec.egress[0].bind");
  says("egress: [{" + port + ", bind: 'unix:///run/x'}]", "Unix sockets are not implemented");
  says("egress: [{port: {number: 80, protocol: HTTP_PROXY, name: p}, hosts: ['*/*']}]",
       "spec.egress[0].port.protocol");
  says("egress: [{port: {protocol: HTTP, name: p}, hosts: ['*/*']}]", "spec.egress[0].port.number");
  const std::string proxy = "egressProxy: {host: db.default.svc.cluster.local, port: {number: 5432}}";
  says("outboundTrafficPolicy: {" + proxy + "}", "is only for the mode ALLOW_ANY");
  says("outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: db.test}}", "egressProxy.port");
  says("outboundTrafficPolicy: {mode: ALLOW_ANY, egressProxy: {host: db, port: {number: 1}}}",
       "must be a whole name");
}

}  // namespace
}  // namespace remora::istio::test
