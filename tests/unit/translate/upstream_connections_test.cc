#include "translate/cluster.h"
#include "translate/endpoint.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class UpstreamConnectionsTest : public TranslateTest {
 protected:
  TranslatedCluster translate(const std::string& yaml) {
    return translate_cluster(from_yaml<envoy::config::cluster::v3::Cluster>(yaml), {"5", true}, context_);
  }
  std::shared_ptr<const EndpointSet> policy(const std::string& text) {
    return translate_endpoints(from_yaml<envoy::config::endpoint::v3::ClusterLoadAssignment>(
                                   "{cluster_name: a, policy: " + text + "}"),
                               context_);
  }
};

TEST_F(UpstreamConnectionsTest, EveryField) {
  const auto cluster = translate(R"(
name: a
close_connections_on_host_health_failure: true
connection_pool_per_downstream_connection: true
common_lb_config: {close_connections_on_host_set_change: true}
preconnect_policy: {per_upstream_preconnect_ratio: 1.5}
)");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_TRUE(cluster.config->close_on_health_failure);
  EXPECT_TRUE(cluster.config->close_on_host_set_change);
  EXPECT_TRUE(cluster.config->pool_per_downstream);
  EXPECT_EQ(cluster.config->preconnect->per_upstream_ratio, 1.5);
  EXPECT_EQ(cluster.config->preconnect->predictive_ratio, 1.0);
  EXPECT_EQ(warnings(), "");
}

TEST_F(UpstreamConnectionsTest, NothingByDefault) {
  const auto cluster = translate("{name: a}");
  ASSERT_TRUE(cluster.config) << errors();
  EXPECT_FALSE(cluster.config->close_on_health_failure || cluster.config->close_on_host_set_change ||
               cluster.config->pool_per_downstream);
  EXPECT_TRUE(*cluster.config->preconnect == Preconnect{});
}

TEST_F(UpstreamConnectionsTest, RatiosHaveLimits) {
  EXPECT_FALSE(translate("{name: a, preconnect_policy: {per_upstream_preconnect_ratio: 0.9}}").config);
  EXPECT_FALSE(translate("{name: a, preconnect_policy: {predictive_preconnect_ratio: 3.1}}").config);
  EXPECT_NE(errors().find("preconnect_policy.per_upstream_preconnect_ratio"), std::string::npos) << errors();
  EXPECT_NE(errors().find("preconnect_policy.predictive_preconnect_ratio"), std::string::npos) << errors();
}

TEST_F(UpstreamConnectionsTest, WhatCannotBeForeseenIsSaid) {
  EXPECT_TRUE(
      translate("{name: a, lb_policy: RANDOM, preconnect_policy: {predictive_preconnect_ratio: 2}}").config);
  EXPECT_EQ(warnings(), "");
  EXPECT_TRUE(
      translate("{name: a, lb_policy: LEAST_REQUEST, preconnect_policy: {predictive_preconnect_ratio: 2}}")
          .config);
  EXPECT_NE(warnings().find("preconnect_policy.predictive_preconnect_ratio: has no effect"),
            std::string::npos)
      << warnings();
}

TEST_F(UpstreamConnectionsTest, SharesOfDroppedRequests) {
  const auto share = [&](const std::string& percentage) {
    const auto set = policy("{drop_overloads: [{category: c, drop_percentage: " + percentage + "}]}");
    return set == nullptr ? -1 : set->drops.empty() ? 0 : static_cast<int>(set->drops.front().per_million);
  };
  EXPECT_EQ(share("{numerator: 7}"), 70'000);
  EXPECT_EQ(share("{numerator: 7, denominator: TEN_THOUSAND}"), 700);
  EXPECT_EQ(share("{numerator: 7, denominator: MILLION}"), 7);
  EXPECT_EQ(share("{numerator: 100}"), 1'000'000);
  EXPECT_EQ(share("{numerator: 0}"), 0);
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(share("{numerator: 101}"), -1);
  EXPECT_NE(errors().find("policy.drop_overloads[0].drop_percentage: must be at most 100 percent"),
            std::string::npos)
      << errors();
}

TEST_F(UpstreamConnectionsTest, OneCategoryAndItHasAName) {
  EXPECT_EQ(policy("{drop_overloads: [{category: c}, {category: d}]}"), nullptr);
  EXPECT_NE(errors().find("policy.drop_overloads: must be one at the most"), std::string::npos) << errors();
  EXPECT_EQ(policy("{drop_overloads: [{drop_percentage: {numerator: 1}}]}"), nullptr);
}

TEST_F(UpstreamConnectionsTest, Age) {
  EXPECT_EQ(policy("{endpoint_stale_after: 1.5s}")->stale_after, Milliseconds(1500));
  EXPECT_EQ(policy("{}")->stale_after, Milliseconds(0));
  EXPECT_EQ(policy("{endpoint_stale_after: 0s}"), nullptr);
}

TEST_F(UpstreamConnectionsTest, OnlyWhatIsRenewedCanBeStale) {
  EXPECT_TRUE(
      translate("{name: a, load_assignment: {cluster_name: a, policy: {endpoint_stale_after: 1s}}}").config);
  EXPECT_NE(warnings().find("load_assignment.policy.endpoint_stale_after: has no effect"), std::string::npos)
      << warnings();
}

}  // namespace
}  // namespace remora::xds
