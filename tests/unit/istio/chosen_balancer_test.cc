// The annotation remora.dev/load-balancer.
#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "istio/build/translate.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;

std::string annotated(const std::string& value, const std::string& spec) {
  std::string text = destination_rule(spec);
  const std::string name = "{name: myapp";
  return text.insert(text.find(name) + name.size(),
                     ", annotations: {remora.dev/load-balancer: " + value + "}");
}

Cluster cluster_of(const std::string& rule, const std::string& subset = "", bool plain_envoy = false) {
  const Registry mesh = registry(kMyapp + "---\n" + rule);
  const MeshService& service = *mesh.find_service("myapp.default.svc.cluster.local");
  ProxyNode node = sidecar_at("127.0.9.1");
  node.plain_envoy = plain_envoy;
  const MeshView view(mesh, node);
  const MergedRule* merged = mesh.find_rule(service.host, "default");
  const Subset* chosen = nullptr;
  for (const auto& candidate : merged->subsets) {
    if (candidate.name == subset) chosen = &candidate;
  }
  return build_outbound_cluster({service, service.ports[0], merged, chosen, view});
}

/// The type of the list's only policy, or of the one below wrr_locality; "" where there is no list.
std::string policy_of(const Cluster& cluster) {
  if (!cluster.has_load_balancing_policy()) return "";
  EXPECT_EQ(cluster.load_balancing_policy().policies_size(), 1);
  const std::string text = cluster.load_balancing_policy().SerializeAsString();
  const std::string mark = "remora.load_balancing_policies.v1.";
  const size_t at = text.find(mark);
  if (at == std::string::npos) return "none of ours";
  const std::string name = text.substr(at + mark.size(), 8);
  return (text.find("WrrLocality") == std::string::npos ? "" : "WrrLocality ") +
         std::string(name.starts_with("Prequal") ? "Prequal" : name);
}

TEST(ChosenBalancer, HoldsForTheHostAndItsSubsets) {
  const std::string subsets =
      "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}, "
      "trafficPolicy: {loadBalancer: {simple: RANDOM}}}]\n";
  const std::string rule = annotated("peak_ewma", subsets);
  EXPECT_EQ(policy_of(cluster_of(rule)), "PeakEwma");
  EXPECT_EQ(policy_of(cluster_of(rule, "v1")), "PeakEwma");
  const Cluster own = cluster_of(rule, "v2");
  EXPECT_EQ(policy_of(own), "") << "the subset has one of its own";
  EXPECT_EQ(own.lb_policy(), Cluster::RANDOM);
}

TEST(ChosenBalancer, TakesThePlaceOfSimple) {
  EXPECT_EQ(
      policy_of(cluster_of(annotated("prequal", "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n"))),
      "Prequal");
}

TEST(ChosenBalancer, PortsKeepTheirOwn) {
  const auto with_port = [](const std::string& settings) {
    return annotated("prequal",
                     "  trafficPolicy: {portLevelSettings: [{port: {number: 8080}, " + settings + "}]}\n");
  };
  EXPECT_EQ(policy_of(cluster_of(with_port("connectionPool: {tcp: {maxConnections: 3}}"))), "Prequal");
  EXPECT_EQ(policy_of(cluster_of(with_port("loadBalancer: {simple: RANDOM}"))), "");
}

TEST(ChosenBalancer, LocalitiesKeepTheirWeights) {
  const Cluster cluster =
      cluster_of(annotated("peak_ewma", "  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}\n"));
  EXPECT_EQ(policy_of(cluster), "WrrLocality PeakEwma");
  EXPECT_FALSE(cluster.common_lb_config().has_locality_weighted_lb_config());
  EXPECT_TRUE(cluster.common_lb_config().has_healthy_panic_threshold());
}

TEST(ChosenBalancer, AStockEnvoyHasIstiosDefault) {
  const Cluster cluster = cluster_of(annotated("prequal", "  trafficPolicy: {}\n"), "", true);
  EXPECT_EQ(policy_of(cluster), "");
  EXPECT_EQ(cluster.lb_policy(), Cluster::LEAST_REQUEST);
}

TEST(ChosenBalancer, WhatCannotBeIsNamed) {
  const auto finding = [](const std::string& yaml) {
    const auto all = findings_of(yaml);
    return all.empty() ? "" : all.front();
  };
  const std::string where = ": metadata.annotations: remora.dev/load-balancer";
  const auto says = [](const std::string& found, const std::string& text) {
    EXPECT_NE(found.find(text), std::string::npos) << found;
  };
  says(finding(annotated("fastest", "  trafficPolicy: {}\n")),
       "DestinationRule default/myapp" + where + ": \"fastest\" is none of peak_ewma and prequal");
  says(finding(
           annotated("prequal", "  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}\n")),
       where + " cannot stand beside loadBalancer.consistentHash");
  says(finding("apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n"
               "metadata: {name: a, annotations: {remora.dev/load-balancer: prequal}}\n"
               "spec: {address: 10.0.0.1}\n"),
       where + " is for DestinationRules");
}

}  // namespace
}  // namespace remora::istio::test
