// The annotation remora.dev/aperture, and who a proxy's peers are.
#include <gtest/gtest.h>

#include <google/protobuf/struct.pb.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.pb.h"
#include "istio/build/peers.h"
#include "istio/build/snapshot.h"
#include "istio/build/translate.h"
#include "udpa/type/v1/typed_struct.pb.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::cluster::v3::LoadBalancingPolicy;

std::string annotated(const std::string& annotations, const std::string& spec) {
  std::string text = destination_rule(spec);
  const std::string name = "{name: myapp";
  return text.insert(text.find(name) + name.size(), ", annotations: {" + annotations + "}");
}

const std::string kClient =
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: client, namespace: default}\n"
    "spec: {selector: {app: client}, ports: [{name: http, port: 7000}]}\n";

ProxyNode client() {
  ProxyNode node = sidecar_at("127.0.9.1");
  node.labels = {{"app", "client"}, {"pod-template-hash", "x"}};
  return node;
}

Cluster cluster_of(const std::string& rule, const ProxyNode& node = client(), const std::string& more = "") {
  const Registry mesh = registry(kMyapp + "---\n" + rule + more);
  const MeshService& service = *mesh.find_service("myapp.default.svc.cluster.local");
  const MeshView view(mesh, node);
  const MergedRule* merged = mesh.find_rule(service.host, "default");
  return build_outbound_cluster({service, service.ports[0], merged, nullptr, view});
}

google::protobuf::Struct aperture_in(const LoadBalancingPolicy& list) {
  udpa::type::v1::TypedStruct own;
  EXPECT_EQ(list.policies_size(), 1);
  EXPECT_TRUE(list.policies(0).typed_extension_config().typed_config().UnpackTo(&own));
  EXPECT_EQ(own.type_url(), "type.googleapis.com/remora.load_balancing_policies.v1.Aperture");
  return own.value();
}

/// The "@type" of the policy among the hosts, or of its struct.
std::string picking(const google::protobuf::Struct& aperture) {
  const auto& policy = aperture.fields()
                           .at("endpoint_picking_policy")
                           .struct_value()
                           .fields()
                           .at("policies")
                           .list_value()
                           .values(0)
                           .struct_value();
  const auto& config =
      policy.fields().at("typed_extension_config").struct_value().fields().at("typed_config").struct_value();
  const std::string type = config.fields().at("@type").string_value();
  if (!type.ends_with("TypedStruct")) return type.substr(type.rfind('.') + 1);
  const std::string inner = config.fields().at("type_url").string_value();
  return inner.substr(inner.rfind('.') + 1);
}

TEST(ApertureAnnotation, StandsAboveTheRulesPolicy) {
  const auto policy_for = [](const std::string& annotations, const std::string& balancer) {
    return picking(aperture_in(cluster_of(annotated("remora.dev/aperture: \"5\"" + annotations,
                                                    "  trafficPolicy: {" + balancer + "}\n"))
                                   .load_balancing_policy()));
  };
  EXPECT_EQ(policy_for("", ""), "LeastRequest");
  EXPECT_EQ(policy_for("", "loadBalancer: {simple: ROUND_ROBIN}"), "RoundRobin");
  EXPECT_EQ(policy_for("", "loadBalancer: {simple: RANDOM}"), "Random");
  EXPECT_EQ(policy_for(", remora.dev/load-balancer: peak_ewma", ""), "PeakEwma");
  EXPECT_EQ(policy_for(", remora.dev/load-balancer: prequal", ""), "Prequal");
}

TEST(ApertureAnnotation, SaysHowManyAndWhoThePeersAre) {
  const std::string rule = annotated("remora.dev/aperture: \"5\"", "  trafficPolicy: {}\n");
  const auto value = aperture_in(cluster_of(rule, client(), kClient).load_balancing_policy());
  EXPECT_EQ(value.fields().at("hosts").number_value(), 5);
  EXPECT_EQ(value.fields().at("peers_cluster").string_value(),
            "outbound|7000||client.default.svc.cluster.local");
  EXPECT_FALSE(aperture_in(cluster_of(rule).load_balancing_policy()).fields().contains("peers_cluster"))
      << "nobody selects the client";
}

TEST(ApertureAnnotation, WarmupAndLocalitiesStay) {
  const Cluster cluster = cluster_of(
      annotated("remora.dev/aperture: \"5\"",
                "  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}, loadBalancer: {warmup: "
                "{duration: 30s}}}\n"));
  envoy::extensions::load_balancing_policies::wrr_locality::v3::WrrLocality weighted;
  ASSERT_TRUE(cluster.load_balancing_policy().policies(0).typed_extension_config().typed_config().UnpackTo(
      &weighted));
  const auto value = aperture_in(weighted.endpoint_picking_policy());
  EXPECT_EQ(picking(value), "LeastRequest");
  EXPECT_NE(value.DebugString().find("slow_start_window"), std::string::npos);
  EXPECT_FALSE(cluster.common_lb_config().has_locality_weighted_lb_config());
}

TEST(ApertureAnnotation, AStockEnvoyHasNone) {
  ProxyNode node = client();
  node.plain_envoy = true;
  const Cluster cluster = cluster_of(
      annotated("remora.dev/aperture: \"5\"", "  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n"),
      node);
  EXPECT_FALSE(cluster.has_load_balancing_policy());
  EXPECT_EQ(cluster.lb_policy(), Cluster::ROUND_ROBIN);
}

TEST(ApertureAnnotation, HoldsForSubsetsAndPorts) {
  const Registry mesh = registry(
      kMyapp + "---\n" +
      annotated(
          "remora.dev/aperture: \"5\"",
          "  trafficPolicy: {portLevelSettings: [{port: {number: 8080}, loadBalancer: {simple: RANDOM}}]}\n"
          "  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: "
          "ROUND_ROBIN}}}]\n"));
  const MergedRule* rule = mesh.find_rule("myapp.default.svc.cluster.local", "default");
  EXPECT_EQ(effective_policy(rule, nullptr, 8080).aperture, 5u);
  EXPECT_EQ(effective_policy(rule, &rule->subsets[0], 8080).aperture, 5u);
  EXPECT_TRUE(mesh.has_apertures());
}

TEST(ApertureAnnotation, WhatCannotBeIsNamed) {
  const auto says = [](const std::string& yaml, const std::string& text) {
    const auto all = findings_of(yaml);
    ASSERT_FALSE(all.empty()) << text;
    EXPECT_NE(all.front().find(text), std::string::npos) << all.front();
  };
  const std::string where = "DestinationRule default/myapp: metadata.annotations: remora.dev/aperture";
  for (const char* value : {"0", "-1", "many", "1.5", "", "1000001"}) {
    says(annotated("remora.dev/aperture: \"" + std::string(value) + "\"", "  trafficPolicy: {}\n"),
         where + ": \"" + value + "\" is not a whole number from 1 to 1000000");
  }
  says(annotated("remora.dev/aperture: \"5\"",
                 "  trafficPolicy: {loadBalancer: {consistentHash: {useSourceIp: true}}}\n"),
       where + " cannot stand beside loadBalancer.consistentHash");
  says(annotated("remora.dev/aperture: \"5\"",
                 "  trafficPolicy: {}\n  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: "
                 "{loadBalancer: {simple: PASSTHROUGH}}}]\n"),
       where + " cannot stand beside loadBalancer.simple: PASSTHROUGH");
  says(
      "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\n"
      "metadata: {name: a, annotations: {remora.dev/aperture: \"5\"}}\nspec: {address: 10.0.0.1}\n",
      "remora.dev/aperture is for DestinationRules");
}

TEST(Peers, AreTheHostsOfTheProxysOwnService) {
  const auto peers = [](const std::string& yaml, ProxyNode node = client()) {
    return find_peers_cluster(registry(yaml), node);
  };
  EXPECT_EQ(peers(kMyapp + kClient), "outbound|7000||client.default.svc.cluster.local");
  EXPECT_EQ(peers(kMyapp), "");
  ProxyNode elsewhere = client();
  elsewhere.ns = "other";
  EXPECT_EQ(peers(kMyapp + kClient, elsewhere), "");
}

}  // namespace
}  // namespace remora::istio::test
