// Who keeps what: consistentHash, and the annotation remora.dev/sticky.
#include <gtest/gtest.h>

#include <algorithm>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/translate.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::route::v3::Route;

ProxyNode client() {
  ProxyNode node;
  node.id = "sidecar~127.0.9.1~client.default~default.svc.cluster.local";
  node.ip = "127.0.9.1";
  node.ns = "default";
  return node;
}

std::string hashed(const std::string& hash) {
  return destination_rule(
      "  trafficPolicy: {loadBalancer: {consistentHash: {" + hash + "}}}\n" +
      "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]\n");
}

Cluster cluster_with(const std::string& hash) {
  const Registry mesh = registry(kMyapp + "---\n" + hashed(hash));
  const MeshService& service = *mesh.find_service("myapp.default.svc.cluster.local");
  const ProxyNode node = client();
  const MeshView view(mesh, node);
  return build_outbound_cluster(
      {service, service.ports[0], mesh.find_rule(service.host, "default"), nullptr, view});
}

/// The first virtual host's routes on port 8080.
std::vector<Route> routes_with(const std::string& yaml) {
  const Registry mesh = registry(kMyapp + "---\n" + yaml);
  const ProxyNode node = client();
  const MeshView view(mesh, node);
  const std::vector<const MeshService*> services{mesh.find_service("myapp.default.svc.cluster.local")};
  const auto table = build_route_configuration(8080, services, view);
  return {table.virtual_hosts(0).routes().begin(), table.virtual_hosts(0).routes().end()};
}

const std::string kSplit =
    "  - route: [{destination: {host: myapp, subset: v1}, weight: 90}, "
    "{destination: {host: myapp, subset: v2}, weight: 10}]\n";

std::string annotated(const std::string& value, const std::string& http = kSplit) {
  auto text = virtual_service(http);
  const std::string name = "metadata: {name: myapp";
  return text.insert(text.find(name) + name.size(), ", annotations: {remora.dev/sticky: \"" + value + "\"}");
}

TEST(ConsistentHash, MakesTheCluster) {
  const auto ring = cluster_with("useSourceIp: true");
  EXPECT_EQ(ring.lb_policy(), Cluster::RING_HASH);
  EXPECT_EQ(ring.ring_hash_lb_config().minimum_ring_size().value(), 1024U);
  const auto large = cluster_with("useSourceIp: true, ringHash: {minimumRingSize: 5000}");
  EXPECT_EQ(large.ring_hash_lb_config().minimum_ring_size().value(), 5000U);
  const auto maglev = cluster_with("useSourceIp: true, maglev: {tableSize: 101}");
  EXPECT_EQ(maglev.lb_policy(), Cluster::MAGLEV);
  EXPECT_EQ(maglev.maglev_lb_config().table_size().value(), 101U);
}

TEST(ConsistentHash, MakesTheHashPolicyOfRoutes) {
  const auto plain = routes_with(hashed("httpHeaderName: x-user"));
  ASSERT_EQ(plain.size(), 1U);
  ASSERT_EQ(plain[0].route().hash_policy_size(), 1);
  EXPECT_EQ(plain[0].route().hash_policy(0).header().header_name(), "x-user");
  EXPECT_EQ(plain[0].route().retry_policy().retry_host_predicate_size(), 1) << "as istiod writes it";

  const auto one = routes_with(hashed("httpQueryParameterName: user") + "---\n" +
                               virtual_service("  - route: [{destination: {host: myapp}}]\n"));
  EXPECT_EQ(one.at(0).route().hash_policy(0).query_parameter().name(), "user");
  EXPECT_EQ(one.at(0).route().retry_policy().retry_host_predicate_size(), 0) << "attempts stay with the host";
  const auto elsewhere =
      routes_with(hashed("useSourceIp: true") + "---\n" +
                  virtual_service("  - route: [{destination: {host: myapp}}]\n"
                                  "    retries: {attempts: 1, retryIgnorePreviousHosts: true}\n"));
  EXPECT_TRUE(elsewhere.at(0).route().hash_policy(0).connection_properties().source_ip());
  EXPECT_EQ(elsewhere.at(0).route().retry_policy().retry_host_predicate_size(), 1);
}

TEST(ConsistentHash, MakesTheCookie) {
  const auto routes = routes_with(
      hashed("httpCookie: {name: user, path: /a, ttl: 60s, attributes: [{name: SameSite, value: Lax}]}"));
  const auto& cookie = routes.at(0).route().hash_policy(0).cookie();
  EXPECT_EQ(cookie.name(), "user");
  EXPECT_EQ(cookie.path(), "/a");
  EXPECT_EQ(cookie.ttl().seconds(), 60);
  EXPECT_EQ(cookie.attributes(0).name() + "=" + cookie.attributes(0).value(), "SameSite=Lax");
  EXPECT_FALSE(
      routes_with(hashed("httpCookie: {name: user}")).at(0).route().hash_policy(0).cookie().has_ttl());
}

TEST(Sticky, ByHeaderTheHashChooses) {
  const auto routes = routes_with(hashed("useSourceIp: true") + "---\n" + annotated("header=x-user"));
  ASSERT_EQ(routes.size(), 1U);
  const auto& action = routes[0].route();
  EXPECT_TRUE(action.weighted_clusters().use_hash_policy().value());
  ASSERT_EQ(action.hash_policy_size(), 3) << "the user's, then those of both destinations";
  EXPECT_EQ(action.hash_policy(0).header().header_name(), "x-user");
  EXPECT_TRUE(action.hash_policy(0).terminal());
  EXPECT_TRUE(action.hash_policy(1).connection_properties().source_ip());
}

TEST(Sticky, ByCookieRoutesStandBefore) {
  const auto routes =
      routes_with(hashed("useSourceIp: true") + "---\n" + annotated("cookie=version; max-age=60"));
  ASSERT_EQ(routes.size(), 3U);
  for (size_t i = 0; i < 2; ++i) {
    const std::string cluster =
        "outbound|8080|v" + std::to_string(i + 1) + "|myapp.default.svc.cluster.local";
    EXPECT_EQ(routes[i].route().cluster(), cluster);
    const auto& choice = routes[2].route().weighted_clusters().clusters(static_cast<int>(i));
    EXPECT_EQ(choice.name(), cluster);
    const auto& set = choice.response_headers_to_add(0).header();
    EXPECT_EQ(set.key(), "set-cookie");
    const std::string pair = set.value().substr(0, set.value().find(';'));
    EXPECT_EQ(set.value(), pair + "; Max-Age=60; Path=/; HttpOnly");
    const auto& match = routes[i].match().headers(0);
    EXPECT_EQ(match.name(), "cookie");
    EXPECT_EQ(match.string_match().safe_regex().regex(), "(.*; ?)?" + pair + "(;.*)?");
  }
}

TEST(Sticky, ADestinationWithoutAWeightKeepsNobody) {
  const auto routes = routes_with(
      hashed("useSourceIp: true") + "---\n" +
      annotated("cookie=version",
                "  - route: [{destination: {host: myapp, subset: v1}, weight: 50}, "
                "{destination: {host: myapp, subset: v2}, weight: 0}, {destination: {host: myapp}, "
                "weight: 50}]\n"));
  ASSERT_EQ(routes.size(), 3U);
  for (const auto& route : routes)
    EXPECT_EQ(route.ShortDebugString().find("|v2|"), std::string::npos) << route.ShortDebugString();
}

TEST(Sticky, HeadersOfADestinationStayWithIt) {
  const auto routes = routes_with(
      hashed("useSourceIp: true") + "---\n" +
      annotated("cookie=version",
                "  - headers: {response: {set: {x-all: one}}}\n"
                "    route: [{destination: {host: myapp, subset: v1}, weight: 50, headers: {response: {add: "
                "{x-version: one}}, request: {set: {Host: v1.local}, remove: [x-gone]}}}, "
                "{destination: {host: myapp, subset: v2}, weight: 50}]\n"));
  const auto& kept = routes.at(0);
  ASSERT_EQ(kept.response_headers_to_add_size(), 2);
  EXPECT_EQ(kept.response_headers_to_add(0).header().key(), "x-version");
  EXPECT_EQ(kept.request_headers_to_remove(0), "x-gone");
  EXPECT_EQ(kept.route().host_rewrite_literal(), "v1.local");
  EXPECT_EQ(routes.at(1).response_headers_to_add_size(), 1);
}

TEST(Sticky, IsRefusedWhereItIsWrong) {
  const auto finding = [](const std::string& value, const std::string& http = kSplit) {
    const auto all = findings_of(annotated(value, http));
    return all.empty() ? "" : all.front();
  };
  const std::string where = "VirtualService default/myapp: metadata.annotations: remora.dev/sticky ";
  const auto says = [&](const std::string& found, const std::string& text) {
    EXPECT_NE(found.find(where + text), std::string::npos) << found;
  };
  says(finding("yes"), "must be header=NAME or cookie=NAME");
  says(finding("header="), "must name a header by letters, digits, - and _");
  says(finding("cookie=a b"), "must name a cookie by letters, digits, - and _");
  says(finding("cookie=a; max-age=0"), "may say max-age=SECONDS behind a cookie");
  says(finding("cookie=a; path=/"), "may say max-age=SECONDS behind a cookie");
  says(finding("header=a; max-age=5"), "may say max-age=SECONDS behind a cookie");
  says(finding("header=x-user", "  - route: [{destination: {host: myapp}}]\n"),
       "has no effect: no http route has several destinations");
  EXPECT_EQ(finding("header=x-user"), "");
}

}  // namespace
}  // namespace remora::istio::test
