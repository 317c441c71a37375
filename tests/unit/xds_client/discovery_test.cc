#include "client/discovery.h"

#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;

/// Keeps what it was told to follow: "all", "+name", "-name".
class RecordingFeed final : public ResourceFeed {
 public:
  explicit RecordingFeed(std::string& said) : said_(said) {}
  void follow_all(Type /*type*/) override { said_ += "all "; }
  void follow(Type /*type*/, const std::string& name) override { said_ += "+" + name + " "; }
  void unfollow(Type /*type*/, const std::string& name) override { said_ += "-" + name + " "; }

 private:
  std::string& said_;
};

class RecordingMaker final : public FeedMaker {
 public:
  ResourceFeed& make(const ResourceSource& source, Type /*type*/) override {
    made.push_back(source.key);
    feeds.push_back(std::make_unique<RecordingFeed>(said));
    return *feeds.back();
  }
  void retire(ResourceFeed& /*feed*/) override { ++retired; }
  std::vector<std::string> made;
  std::string said;
  int retired = 0;

 private:
  std::vector<std::unique_ptr<RecordingFeed>> feeds;
};

/// A cluster whose endpoints come from a server of their own.
google::protobuf::Any served_cluster(const std::string& name, const std::string& server) {
  return pack<envoy::config::cluster::v3::Cluster>(
      "{name: " + name +
      ", type: EDS, eds_cluster_config: {service_name: s, eds_config: {api_config_source: {api_type: GRPC, "
      "transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: " +
      server + "}}]}}}}");
}

class DiscoveryTest : public testing::Test {
 protected:
  DiscoveryTest() {
    discovery_.set_ads(ads_);
    discovery_.set_maker(maker_);
    discovery_.start(now_);
  }
  void respond(const std::string& feed, Type type, std::vector<google::protobuf::Any> resources) {
    Discovery::Response response;
    for (auto& resource : resources) *response.add_resources() = std::move(resource);
    EXPECT_TRUE(discovery_.on_response(feed, type, response, now_, {}).ok());
    discovery_.on_answered(now_);
  }

  DynamicConfig config_{.ads = AdsConfig{}, .clusters = ResourceSource{}, .listeners = ResourceSource{}};
  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  ResourceStore store_{Environment{stats_, node_, runtime_}};
  RecordingSink sink_;
  std::string ads_said_;
  RecordingFeed ads_{ads_said_};
  RecordingMaker maker_;
  Discovery discovery_{config_, store_, stats_, sink_};
  MonotonicTime now_{std::chrono::seconds(100)};
};

TEST_F(DiscoveryTest, AFeedBeginsWithItsFirstResourceAndEndsWithItsLast) {
  respond("", Type::kClusters,
          {served_cluster("a", "one"), served_cluster("b", "one"), served_cluster("c", "two")});
  EXPECT_EQ(maker_.made, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(maker_.said, "+s +s ") << "once for each source, however many name it";
  respond("", Type::kClusters, {served_cluster("a", "one"), served_cluster("b", "one")});
  EXPECT_EQ(maker_.said, "+s +s -s ");
  EXPECT_EQ(maker_.retired, 1);
  respond("", Type::kClusters, {served_cluster("b", "one")});
  EXPECT_EQ(maker_.retired, 1);
  respond("", Type::kClusters, {});
  EXPECT_EQ(maker_.retired, 2);
  EXPECT_EQ(ads_said_, "all all ") << "clusters, and listeners once there are clusters";
}

TEST_F(DiscoveryTest, OneNameFromTwoSourcesIsTwoResources) {
  respond("", Type::kClusters, {served_cluster("a", "one"), served_cluster("b", "two")});
  const auto same = endpoints("s", 80);
  respond("one", Type::kEndpoints, {same});
  EXPECT_EQ(sink_.batches, std::vector<std::string>{"clusters a"});
  respond("two", Type::kEndpoints, {same});
  EXPECT_EQ(sink_.batches.back(), "clusters b") << "also where the bytes are the same";
  respond("two", Type::kEndpoints, {endpoints("s", 81)});
  EXPECT_EQ(sink_.batches.back(), "endpoints b");
  respond("", Type::kEndpoints, {endpoints("s", 82)});
  EXPECT_EQ(sink_.batches.size(), 3u) << "nobody asked ADS for it";
}

TEST_F(DiscoveryTest, WhatASourceDoesNotHaveIsNotWaitedFor) {
  respond("", Type::kClusters, {served_cluster("a", "one")});
  EXPECT_TRUE(sink_.batches.empty());
  discovery_.on_absent("one", Type::kEndpoints, "s");
  discovery_.on_answered(now_);
  EXPECT_EQ(sink_.batches, std::vector<std::string>{"clusters a"});
}

}  // namespace
}  // namespace remora::xds
