#include "client/resource_store.h"

#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;

class ResourceStoreTest : public testing::Test {
 protected:
  UpdateResult update(Type type, std::vector<google::protobuf::Any> resources,
                      const std::string& version = "1") {
    ResourceStore::Resources list;
    for (auto& resource : resources) *list.Add() = std::move(resource);
    return store_.update(type, version, list, now_, {});
  }
  std::string changes() { return summary(store_.take_batch()); }

  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  ResourceStore store_{Environment{stats_, node_, runtime_}};
  MonotonicTime now_{std::chrono::seconds(100)};
};

TEST_F(ResourceStoreTest, AClusterWaitsForItsEndpoints) {
  EXPECT_TRUE(update(Type::kClusters, {eds_cluster("a")}).ok());
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(store_.wanted(Type::kEndpoints), std::vector<std::string>{"a"});
  EXPECT_TRUE(update(Type::kEndpoints, {endpoints("a", 80)}).ok());
  const ConfigBatch batch = store_.take_batch();
  EXPECT_EQ(summary(batch), "clusters a") << "cluster and endpoints in one piece";
  EXPECT_EQ(batch.clusters[0].endpoints->endpoints.at(0)->address.port(), 80);
}

TEST_F(ResourceStoreTest, EndpointsThatChangeTouchOnlyTheirCluster) {
  update(Type::kClusters, {eds_cluster("a"), eds_cluster("b")});
  update(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 81)});
  changes();
  update(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 82)});
  EXPECT_EQ(changes(), "endpoints b");
}

TEST_F(ResourceStoreTest, WhatIsUnchangedIsNoChange) {
  update(Type::kClusters, {eds_cluster("a"), eds_cluster("b")});
  update(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 81)});
  changes();
  EXPECT_TRUE(update(Type::kClusters, {eds_cluster("a"), eds_cluster("b")}, "2").ok());
  EXPECT_TRUE(update(Type::kEndpoints, {endpoints("a", 80)}, "2").ok());
  EXPECT_EQ(changes(), "");
}

TEST_F(ResourceStoreTest, AChangedClusterKeepsTheEndpointsThatAreKnown) {
  update(Type::kClusters, {eds_cluster("a")});
  update(Type::kEndpoints, {endpoints("a", 80)});
  changes();
  update(Type::kClusters, {eds_cluster("a", "connect_timeout: 9s")}, "2");
  const ConfigBatch batch = store_.take_batch();
  EXPECT_EQ(summary(batch), "clusters a");
  EXPECT_EQ(batch.clusters[0].endpoints->endpoints.size(), 1u);
}

TEST_F(ResourceStoreTest, TheOldVersionServesWhileTheNewOneWarms) {
  update(Type::kClusters, {eds_cluster("a")});
  update(Type::kEndpoints, {endpoints("a", 80)});
  changes();
  const auto moved = pack<envoy::config::cluster::v3::Cluster>(
      "{name: a, type: EDS, eds_cluster_config: {service_name: other, eds_config: {ads: {}}}}");
  update(Type::kClusters, {moved}, "2");
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(store_.wanted(Type::kEndpoints), (std::vector<std::string>{"a", "other"}));
  update(Type::kEndpoints, {endpoints("a", 81)});
  EXPECT_EQ(changes(), "endpoints a") << "the old version still gets its own";
  update(Type::kEndpoints, {endpoints("other", 90)});
  EXPECT_EQ(changes(), "clusters a");
  EXPECT_EQ(store_.wanted(Type::kEndpoints), std::vector<std::string>{"other"});
}

TEST_F(ResourceStoreTest, EndpointsThatDoNotComeAreGivenUp) {
  update(Type::kClusters, {eds_cluster("a")});
  EXPECT_EQ(store_.next_deadline(), now_ + std::chrono::seconds(15));
  store_.expire(now_ + std::chrono::seconds(14));
  EXPECT_EQ(changes(), "");
  store_.expire(now_ + std::chrono::seconds(15));
  const ConfigBatch batch = store_.take_batch();
  EXPECT_EQ(summary(batch), "clusters a");
  EXPECT_TRUE(batch.clusters[0].endpoints->endpoints.empty());
  const auto timed_out = store_.take_timed_out();
  ASSERT_EQ(timed_out.clusters.size(), 1u);
  EXPECT_EQ(timed_out.clusters[0].first, "a");
  update(Type::kEndpoints, {endpoints("a", 80)});
  EXPECT_EQ(changes(), "endpoints a");
}

TEST_F(ResourceStoreTest, AFetchTimeoutOfZeroWaitsForEver) {
  update(
      Type::kClusters,
      {pack<envoy::config::cluster::v3::Cluster>(
          "{name: a, type: EDS, eds_cluster_config: {eds_config: {ads: {}, initial_fetch_timeout: 0s}}}")});
  EXPECT_EQ(store_.next_deadline(), MonotonicTime::max());
}

TEST_F(ResourceStoreTest, WhatIsMissingFromAWholeSetIsGone) {
  update(Type::kClusters, {eds_cluster("a"), eds_cluster("b")});
  update(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 81)});
  changes();
  update(Type::kClusters, {eds_cluster("b")}, "2");
  EXPECT_EQ(changes(), "removed_clusters a");
  EXPECT_EQ(store_.wanted(Type::kEndpoints), std::vector<std::string>{"b"});
}

TEST_F(ResourceStoreTest, AListenerWaitsForItsRoutes) {
  update(Type::kListeners, {listener("in", "r")});
  EXPECT_EQ(changes(), "");
  EXPECT_EQ(store_.wanted(Type::kRoutes), std::vector<std::string>{"r"});
  update(Type::kRoutes, {routes("r", "a"), routes("unasked", "a")});
  EXPECT_EQ(changes(), "routes r; listeners in");
  update(Type::kRoutes, {routes("r", "b")}, "2");
  const ConfigBatch batch = store_.take_batch();
  EXPECT_EQ(summary(batch), "routes r");
  EXPECT_EQ(target_of(*batch.routes[0].second), "b");
  EXPECT_EQ(batch.routes[0].second->config().version, "2");
}

TEST_F(ResourceStoreTest, AListenerThatChangesItsRoutesLetsTheOldOnesGo) {
  update(Type::kListeners, {listener("in", "r")});
  update(Type::kRoutes, {routes("r", "a")});
  changes();
  update(Type::kListeners, {listener("in", "s")}, "2");
  EXPECT_EQ(changes(), "");
  update(Type::kRoutes, {routes("s", "a")}, "2");
  EXPECT_EQ(changes(), "routes s; listeners in; removed_routes r");
}

TEST_F(ResourceStoreTest, RoutesThatDoNotComeAreEmpty) {
  update(Type::kListeners, {listener("in", "r")});
  store_.expire(now_ + std::chrono::seconds(15));
  const ConfigBatch batch = store_.take_batch();
  EXPECT_EQ(summary(batch), "routes r; listeners in");
  EXPECT_TRUE(batch.routes[0].second->config().virtual_hosts.empty());
}

TEST_F(ResourceStoreTest, GoodResourcesBesideABadOneAreTaken) {
  update(Type::kClusters, {eds_cluster("a"), eds_cluster("b")});
  update(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 81)});
  changes();
  const auto result = update(Type::kClusters,
                             {eds_cluster("a", "connect_timeout: 9s"),
                              eds_cluster("b", "lb_policy: LOAD_BALANCING_POLICY_CONFIG"), eds_cluster("c")},
                             "2");
  ASSERT_EQ(result.errors.size(), 1u);
  EXPECT_EQ(result.details(),
            "cluster 'b': lb_policy: LOAD_BALANCING_POLICY_CONFIG is not implemented by this build");
  EXPECT_EQ(changes(), "clusters a") << "b stays as it was, c warms";
  EXPECT_EQ(store_.clusters().find("b")->refused->record.version, "2");
  EXPECT_TRUE(store_.clusters().find("b")->active.has_value());
  update(Type::kClusters, {eds_cluster("a"), eds_cluster("b"), eds_cluster("c")}, "3");
  EXPECT_TRUE(store_.clusters().find("b")->refused.has_value() == false ||
              store_.clusters().find("b")->active.has_value());
}

TEST_F(ResourceStoreTest, AResponseThatCannotBeToldApartChangesNothing) {
  update(Type::kClusters, {eds_cluster("a")});
  update(Type::kEndpoints, {endpoints("a", 80)});
  changes();
  google::protobuf::Any garbage;
  garbage.set_type_url(std::string(type_url(Type::kClusters)));
  garbage.set_value("\xff\xff\xff");
  for (const auto& bad :
       {garbage, endpoints("a", 1), google::protobuf::Any(), eds_cluster("''"), eds_cluster("b")}) {
    const auto result = update(Type::kClusters, {eds_cluster("b"), bad}, "2");
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(changes(), "") << result.details();
  }
  EXPECT_EQ(update(Type::kClusters, {eds_cluster("b"), eds_cluster("b")}, "2").details(),
            "duplicate cluster b");
}

TEST_F(ResourceStoreTest, OneChangeAmongManyTranslatesOne) {
  std::vector<google::protobuf::Any> clusters;
  std::vector<google::protobuf::Any> assignments;
  for (int i = 0; i < 2000; ++i) {
    clusters.push_back(eds_cluster("c" + std::to_string(i)));
    assignments.push_back(endpoints("c" + std::to_string(i), 80));
  }
  update(Type::kClusters, clusters);
  update(Type::kEndpoints, assignments);
  const ConfigBatch first = store_.take_batch();
  EXPECT_EQ(first.clusters.size(), 2000u);
  clusters[7] = eds_cluster("c7", "connect_timeout: 9s");
  update(Type::kClusters, clusters, "2");
  const ConfigBatch second = store_.take_batch();
  EXPECT_EQ(summary(second), "clusters c7");
  EXPECT_EQ(store_.clusters().find("c8")->active->record.version, "1") << "not even looked at";
}

}  // namespace
}  // namespace remora::xds
