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

// ---------------------------------------------------------------------------------- clusters on demand

class DemandTest : public DiscoveryTest {
 protected:
  void demand(const std::string& name, ResourceSource source = {}, uint64_t number = 0) {
    discovery_.demand(
        {{DemandKey::Kind::kCluster, {}, name}, std::make_shared<DemandOrigin>(std::move(source)), number},
        now_);
  }
  void delta(Type type, std::vector<google::protobuf::Any> resources, const std::vector<std::string>& names,
             const std::vector<std::string>& removed = {}, const std::string& feed = {}) {
    Discovery::DeltaResponse response;
    for (size_t i = 0; i < names.size(); ++i) {
      auto& resource = *response.add_resources();
      resource.set_name(names[i]);
      resource.set_version("1");
      *resource.mutable_resource() = std::move(resources[i]);
    }
    for (const auto& name : removed) response.add_removed_resources(name);
    discovery_.on_delta(feed, type, response, now_, {});
    discovery_.on_answered(now_);
  }
  void speak_delta() { config_.ads->is_delta = true; }
};

TEST_F(DemandTest, AClusterIsAskedForAndAnsweredWithItsEndpoints) {
  speak_delta();
  demand("a");
  demand("a");
  EXPECT_EQ(ads_said_, "all +a ") << "once";
  delta(Type::kClusters, {eds_cluster("a")}, {"a"});
  EXPECT_TRUE(sink_.batches.empty());
  delta(Type::kEndpoints, {endpoints("a", 80)}, {"a"});
  EXPECT_EQ(sink_.batches.back(), "clusters a; found a");
  demand("a");
  EXPECT_EQ(sink_.batches.back(), "found a") << "another worker may not have known";
}

TEST_F(DemandTest, WhatThereIsNotIsGivenUp) {
  speak_delta();
  demand("a");
  delta(Type::kClusters, {}, {}, {"a"});
  EXPECT_EQ(sink_.batches.back(), "missing a");
  EXPECT_EQ(ads_said_, "all +a all -a ") << "listeners follow once clusters have answered";
  demand("a");
  EXPECT_TRUE(ads_said_.ends_with("-a +a "));
}

TEST_F(DemandTest, AnAnswerSaysWhichDemandsItAnswers) {
  speak_delta();
  demand("a", {}, 3);
  demand("a", {}, 5);
  demand("a", {}, 4);
  demand("b", {}, 6);
  delta(Type::kClusters, {}, {}, {"a"});
  EXPECT_EQ(sink_.numbers, "a:5 ");
  demand("a", {}, 7);
  delta(Type::kClusters, {}, {}, {"a", "b"});
  EXPECT_EQ(sink_.numbers, "a:5 a:7 b:6 ");
}

TEST_F(DemandTest, ARefusedClusterIsMissing) {
  speak_delta();
  demand("a");
  delta(Type::kClusters, {eds_cluster("a", "connect_timeout: -1s")}, {"a"});
  EXPECT_EQ(sink_.batches.back(), "missing a");
}

TEST_F(DemandTest, ASourceThatSaysNothingHasNone) {
  speak_delta();
  demand("a");
  EXPECT_EQ(discovery_.next_deadline(),
            std::min(discovery_.next_deadline(), now_ + ClusterDemands::kPatience));
  now_ += ClusterDemands::kPatience;
  discovery_.on_time(now_);
  EXPECT_EQ(sink_.batches.back(), "missing a");
}

TEST_F(DemandTest, NamesAreBounded) {
  speak_delta();
  for (size_t i = 0; i < ClusterDemands::kMost; ++i) demand("c" + std::to_string(i));
  const size_t batches = sink_.batches.size();
  demand("one too many");
  EXPECT_EQ(sink_.batches.back(), "missing one too many");
  EXPECT_EQ(sink_.batches.size(), batches + 1);
  delta(Type::kClusters, {}, {}, {"c7"});
  demand("there is room again");
  EXPECT_TRUE(ads_said_.ends_with("+there is room again "));
}

TEST_F(DemandTest, TheStateOfTheWorldCannotBeAskedForOne) {
  demand("a");
  EXPECT_EQ(sink_.batches.back(), "missing a");
  EXPECT_EQ(ads_said_, "all ");
}

TEST_F(DemandTest, AServerOfItsOwn) {
  ResourceSource source;
  source.kind = ResourceSource::Kind::kServer;
  source.key = "one#delta";
  source.is_delta = true;
  demand("a", source);
  EXPECT_EQ(maker_.said, "+a ");
  // What comes as a whole from elsewhere does not take it away.
  delta(Type::kClusters, {eds_cluster("a")}, {"a"}, {}, "one#delta");
  respond("", Type::kClusters, {eds_cluster("b")});
  EXPECT_NE(store_.clusters().find("a"), nullptr);
  delta(Type::kClusters, {}, {}, {"a"}, "one#delta");
  EXPECT_EQ(store_.clusters().find("a"), nullptr);
  EXPECT_EQ(maker_.retired, 1);
}

}  // namespace
}  // namespace remora::xds
