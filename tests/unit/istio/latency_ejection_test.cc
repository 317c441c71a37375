// The annotation remora.dev/latency-ejection.
#include <gtest/gtest.h>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "istio/build/translate.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using envoy::config::cluster::v3::Cluster;

const std::string kOutlier = "  trafficPolicy: {outlierDetection: {interval: 1s}}\n";

std::string annotated(const std::string& value, const std::string& spec = kOutlier) {
  std::string text = destination_rule(spec);
  const std::string name = "{name: myapp";
  return text.insert(text.find(name) + name.size(),
                     ", annotations: {remora.dev/latency-ejection: \"" + value + "\"}");
}

Cluster cluster_of(const std::string& rule, const std::string& subset = "") {
  const Registry mesh = registry(kMyapp + "---\n" + rule);
  const MeshService& service = *mesh.find_service("myapp.default.svc.cluster.local");
  const ProxyNode node = sidecar_at("127.0.9.1");
  const MeshView view(mesh, node);
  const MergedRule* merged = mesh.find_rule(service.host, "default");
  return build_outbound_cluster(
      {service, service.ports[0], merged, subset.empty() ? nullptr : merged->find_subset(subset), view});
}

/// "factor=2 ..." by name; "none" without the setting.
std::string ejection_of(const Cluster& cluster) {
  const auto& metadata = cluster.metadata().filter_metadata();
  const auto own = metadata.find("remora");
  if (own == metadata.end()) return "none";
  std::map<std::string, double> settings;
  for (const auto& [name, value] : own->second.fields().at("latency_ejection").struct_value().fields())
    settings[name] = value.number_value();
  std::string text;
  for (const auto& [name, value] : settings) text += name + "=" + std::to_string(value).substr(0, 4) + " ";
  return text;
}

TEST(LatencyEjectionAnnotation, BecomesTheClustersMetadata) {
  EXPECT_EQ(ejection_of(cluster_of(annotated(""))), "") << "all defaults";
  EXPECT_EQ(ejection_of(cluster_of(annotated("factor=2.5"))), "factor=2.50 ");
  EXPECT_EQ(ejection_of(cluster_of(annotated(" factor = 4;percentile=99.9 ; request_volume=10;"))),
            "factor=4.00 percentile=99.9 request_volume=10.0 ");
  EXPECT_EQ(ejection_of(cluster_of(annotated("minimum_latency_ms=20; minimum_hosts=2; enforcing=0"))),
            "enforcing=0.00 minimum_hosts=2.00 minimum_latency_ms=20.0 ");
}

TEST(LatencyEjectionAnnotation, HoldsWhereverOutliersAreDetected) {
  const std::string subsets =
      "  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {outlierDetection: {interval: 2s}}}]\n";
  const std::string only_there = annotated("factor=2", subsets);
  EXPECT_EQ(ejection_of(cluster_of(only_there)), "none");
  EXPECT_EQ(ejection_of(cluster_of(only_there, "v1")), "factor=2.00 ");
  const std::string ports = annotated(
      "factor=2", "  trafficPolicy: {portLevelSettings: [{port: {number: 8080}, outlierDetection: {}}]}\n");
  EXPECT_EQ(ejection_of(cluster_of(ports)), "factor=2.00 ");
}

TEST(LatencyEjectionAnnotation, WhatCannotBeIsNamed) {
  const auto says = [](const std::string& yaml, const std::string& text) {
    const auto all = findings_of(yaml);
    ASSERT_FALSE(all.empty()) << text;
    EXPECT_NE(all.front().find(
                  "DestinationRule default/myapp: metadata.annotations: remora.dev/latency-ejection" + text),
              std::string::npos)
        << all.front();
  };
  says(annotated("factor=1"), ": factor must be a number above 1 and below 1000, not \"1\"");
  says(annotated("factor=fast"), ": factor must be a number above 1 and below 1000, not \"fast\"");
  says(annotated("factor"), ": factor must be a number above 1 and below 1000, not \"\"");
  says(annotated("percentile=100"), ": percentile must be a number above 0 and below 100");
  says(annotated("minimum_hosts=1"), ": minimum_hosts must be a whole number from 2 to");
  says(annotated("request_volume=1.5"), ": request_volume must be a whole number from 1 to");
  says(annotated("enforcing=101"), ": enforcing must be a whole number from 0 to 100");
  says(annotated("factor=2; factor=3"), ": factor is there twice");
  says(annotated("speed=2"), ": \"speed\" is no setting of it");
  says(annotated("factor=nan"), ": factor must be a number");
  says(annotated("factor=2", "  trafficPolicy: {}\n"), " needs outlierDetection");
}

}  // namespace
}  // namespace remora::istio::test
