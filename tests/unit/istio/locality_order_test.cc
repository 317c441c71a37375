#include "istio/build/locality_order.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "istio/build/translate.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::endpoint::v3::ClusterLoadAssignment;

/// A service with endpoints in five places.
const std::string kPlaces = R"(
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far}
spec:
  hosts: [myapp.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints:
  - {address: 10.0.0.1, locality: eu/a/1, labels: {version: v1}}
  - {address: 10.0.0.2, locality: eu/a/2, labels: {version: v2}, weight: 3}
  - {address: 10.0.0.3, locality: eu/b, labels: {version: v1}}
  - {address: 10.0.0.4, locality: us/a/1, labels: {version: v2}}
  - {address: 10.0.0.5, locality: asia, labels: {version: v1}}
---
)";
const std::string kEjects = "outlierDetection: {consecutive5xxErrors: 5}";

struct Built {
  envoy::config::cluster::v3::Cluster cluster;
  ClusterLoadAssignment assignment;

  /// "PRIORITY:WEIGHT" of each locality that is left.
  std::map<std::string, std::string> order() const {
    std::map<std::string, std::string> out;
    for (const auto& group : assignment.endpoints()) {
      const auto& place = group.locality();
      const std::string name = place.region() + '/' + place.zone() + '/' + place.sub_zone();
      out[name] += (out[name].empty() ? "" : " ") + std::to_string(group.priority()) + ':' +
                   std::to_string(group.load_balancing_weight().value());
    }
    return out;
  }
};

Built build(const std::string& policy, const std::string& locality, const Labels& labels = {}) {
  const Registry mesh = registry(kPlaces + destination_rule("  trafficPolicy: {" + policy + "}\n"));
  const MeshService& service = *mesh.find_service("myapp.default.svc.cluster.local");
  ProxyNode node = sidecar_at("10.0.9.9");
  node.locality = locality;
  node.labels = labels;
  const MeshView view(mesh, node);
  const ClusterParts parts{service, service.ports[0], mesh.find_rule(service.host, "default"), nullptr, view};
  return {build_outbound_cluster(parts), build_load_assignment(parts)};
}

std::string locality_setting(const std::string& setting) {
  return "loadBalancer: {localityLbSetting: {" + setting + "}}";
}

using Order = std::map<std::string, std::string>;
const Order kAlike = {
    {"asia//", "0:1"}, {"eu/a/1", "0:1"}, {"eu/a/2", "0:3"}, {"eu/b/", "0:1"}, {"us/a/1", "0:1"}};

TEST(LocalityOrder, NearEndpointsComeFirstWhereSomeAreEjected) {
  const Built built = build(kEjects, "eu/a/1");
  EXPECT_EQ(
      built.order(),
      (Order{{"eu/a/1", "0:1"}, {"eu/a/2", "1:3"}, {"eu/b/", "2:1"}, {"asia//", "3:1"}, {"us/a/1", "3:1"}}));
  EXPECT_TRUE(built.cluster.common_lb_config().has_locality_weighted_lb_config());
}

TEST(LocalityOrder, PrioritiesHaveNoGaps) {
  EXPECT_EQ(
      build(kEjects, "us/b").order(),
      (Order{{"us/a/1", "0:1"}, {"eu/a/1", "1:1"}, {"eu/a/2", "1:3"}, {"eu/b/", "1:1"}, {"asia//", "1:1"}}));
  EXPECT_EQ(build(kEjects, "africa").order(), kAlike);
}

TEST(LocalityOrder, NothingFailsOverWhereNobodyIsEjected) {
  EXPECT_EQ(build("loadBalancer: {simple: RANDOM}", "eu/a/1").order(), kAlike);
  const Built built = build(locality_setting("failover: [{from: eu, to: us}]"), "eu/a/1");
  EXPECT_EQ(built.order(), kAlike);
  const Built off = build(kEjects + ", " + locality_setting("enabled: false"), "eu/a/1");
  EXPECT_EQ(off.order(), kAlike);
  EXPECT_FALSE(off.cluster.common_lb_config().has_locality_weighted_lb_config());
}

TEST(LocalityOrder, FailoverNamesTheNextRegion) {
  EXPECT_EQ(
      build(kEjects + ", " + locality_setting("failover: [{from: eu, to: us}]"), "eu/b").order(),
      (Order{{"eu/b/", "0:1"}, {"eu/a/1", "1:1"}, {"eu/a/2", "1:3"}, {"us/a/1", "2:1"}, {"asia//", "3:1"}}));
}

TEST(LocalityOrder, FailoverPriorityComparesLabels) {
  const std::string setting = "failoverPriority: [topology.kubernetes.io/region, version]";
  EXPECT_EQ(
      build(kEjects + ", " + locality_setting(setting), "eu/a/1", {{"version", "v1"}}).order(),
      (Order{{"eu/a/1", "0:1"}, {"eu/b/", "0:1"}, {"eu/a/2", "1:3"}, {"us/a/1", "2:1"}, {"asia//", "2:1"}}));
  // A value in the rule stands for the client's.
  EXPECT_EQ(
      build(kEjects + ", " + locality_setting("failoverPriority: ['version=v2']"), "eu/a/1").order(),
      (Order{{"eu/a/1", "1:1"}, {"eu/b/", "1:1"}, {"eu/a/2", "0:3"}, {"us/a/1", "0:1"}, {"asia//", "1:1"}}));
}

TEST(LocalityOrder, DistributeWeighsLocalities) {
  const std::string rule = locality_setting(
      "distribute: [{from: 'us/*', to: {us: 100}}, {from: 'eu/a/*', to: {eu/a/*: 80, us/*: 20}}]");
  const Built built = build(rule, "eu/a/1");
  // The first 80 are shared by the weights of their endpoints, 1 and 3.
  EXPECT_EQ(built.order(), (Order{{"eu/a/1", "0:20"}, {"eu/a/2", "0:60"}, {"us/a/1", "0:20"}}));
  EXPECT_TRUE(built.cluster.common_lb_config().has_locality_weighted_lb_config());
  EXPECT_EQ(build(rule, "asia").order(), kAlike) << "no rule is for it";
}

TEST(LocalityOrder, PlacesMatchByParts) {
  const Place place = parse_place("eu/a/1");
  for (const char* rule : {"*", "eu", "eu/*", "eu/a", "eu/a/*", "eu/a/1", "*/a"})
    EXPECT_TRUE(is_at(place, parse_place(rule))) << rule;
  for (const char* rule : {"us", "eu/b", "eu/a/2", "e", ""})
    EXPECT_FALSE(is_at(place, parse_place(rule))) << rule;
}

TEST(Warmup, BecomesSlowStart) {
  const Built least = build("loadBalancer: {warmup: {duration: 30s, minimumPercent: 5, aggression: 2}}", "");
  const auto& slow = least.cluster.least_request_lb_config().slow_start_config();
  EXPECT_EQ(slow.slow_start_window().seconds(), 30);
  EXPECT_EQ(slow.min_weight_percent().value(), 5);
  EXPECT_EQ(slow.aggression().default_value(), 2);
  const Built turns = build("loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 9s}", "");
  EXPECT_EQ(turns.cluster.round_robin_lb_config().slow_start_config().slow_start_window().seconds(), 9);
  EXPECT_FALSE(build(kEjects, "").cluster.least_request_lb_config().has_slow_start_config());
}

}  // namespace
}  // namespace remora::istio::test
