#include "translate/aggregate.h"

#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class AggregateTest : public TranslateTest {
 protected:
  TranslatedCluster cluster(const std::string& rest, const std::string& members = "[a, b]") {
    const std::string yaml = "name: all\n" + rest + R"(
cluster_type:
  name: envoy.clusters.aggregate
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig
    clusters: )" + members + "\n";
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(yaml), {"5", true}, context_);
  }
};

constexpr const char* kProvided = "lb_policy: CLUSTER_PROVIDED\n";

TEST_F(AggregateTest, NamesItsMembersInOrder) {
  const auto made = cluster(kProvided);
  ASSERT_TRUE(made.config) << errors();
  EXPECT_TRUE(made.complete());
  EXPECT_EQ(made.config->discovery, remora::ClusterConfig::Discovery::kAggregate);
  EXPECT_EQ(made.config->aggregate.list(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(made.endpoints->endpoints.empty());
  EXPECT_EQ(warnings(), "");
}

TEST_F(AggregateTest, TheTypedPolicySaysTheSame) {
  const auto made = cluster(R"(
load_balancing_policy:
  policies:
  - typed_extension_config:
      name: provided
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided
)");
  EXPECT_TRUE(made.config) << errors();
}

TEST_F(AggregateTest, Refused) {
  EXPECT_FALSE(cluster("").config);
  EXPECT_FALSE(cluster(kProvided, "[]").config);
  EXPECT_FALSE(cluster(kProvided, "[a, all]").config);
  EXPECT_FALSE(cluster(std::string(kProvided) + "load_assignment: {cluster_name: all}\n").config);
  EXPECT_FALSE(
      cluster(std::string(kProvided) + "lb_subset_config: {subset_selectors: [{keys: [a]}]}\n").config);
  for (const char* text :
       {"lb_policy: must be CLUSTER_PROVIDED", "cluster_type.typed_config.clusters",
        "cluster_type.typed_config.clusters[1]: \"all\" is the cluster itself",
        "load_assignment: an aggregate cluster has no hosts", "lb_subset_config: an aggregate"}) {
    EXPECT_NE(errors().find(text), std::string::npos) << text << '\n' << errors();
  }
}

TEST_F(AggregateTest, WhatTheMembersDecideHasNoEffect) {
  const auto made = cluster(std::string(kProvided) + "outlier_detection: {consecutive_5xx: 3}\n");
  ASSERT_TRUE(made.config) << errors();
  EXPECT_FALSE(made.config->outlier);
  EXPECT_NE(warnings().find("outlier_detection: has no effect: the members' holds"), std::string::npos)
      << warnings();
}

}  // namespace
}  // namespace remora::xds
