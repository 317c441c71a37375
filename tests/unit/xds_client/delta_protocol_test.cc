#include "client/delta_protocol.h"

#include "client/discovery.h"
#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;

/// One resource of a response: its name, version and content.
struct Given {
  std::string name;
  std::string version;
  std::optional<google::protobuf::Any> content;  // nothing: a heartbeat
  int ttl_seconds = 0;
};

template <typename Map>
std::string sorted(const Map& map) {
  std::string text;
  for (const auto& [key, value] : std::map<std::string, std::string>(map.begin(), map.end()))
    text += key + "=" + value + " ";
  return text;
}

class DeltaProtocolTest : public testing::Test {
 protected:
  DeltaProtocolTest() { discovery_.set_ads(protocol_); }
  void begin() {
    discovery_.start(now_);
    protocol_.connected();
  }
  void respond(Type type, const std::vector<Given>& resources, const std::vector<std::string>& removed = {}) {
    DeltaProtocol::Response response;
    response.set_type_url(std::string(type_url(type)));
    response.set_system_version_info("system");
    response.set_nonce("n" + std::to_string(++nonces_));
    for (const Given& given : resources) {
      auto& resource = *response.add_resources();
      resource.set_name(given.name);
      resource.set_version(given.version);
      if (given.content) *resource.mutable_resource() = *given.content;
      if (given.ttl_seconds > 0) resource.mutable_ttl()->set_seconds(given.ttl_seconds);
    }
    for (const auto& name : removed) response.add_removed_resources(name);
    protocol_.received(response, now_, {});
  }
  /// All requests that wait to be sent, one a line: "Type nonce +added -removed {initial versions} error".
  std::string requests() {
    std::string text;
    while (auto request = protocol_.next_request()) {
      const std::string& url = request->type_url();
      text += url.substr(url.rfind('.') + 1) + " " + request->response_nonce();
      for (const auto& name : request->resource_names_subscribe()) text += " +" + name;
      for (const auto& name : request->resource_names_unsubscribe()) text += " -" + name;
      if (!request->initial_resource_versions().empty())
        text += " {" + sorted(request->initial_resource_versions()) + "}";
      if (request->has_error_detail()) text += " " + request->error_detail().message();
      text += "\n";
    }
    return text;
  }
  /// Everything up to a listener that serves.
  void serve() {
    begin();
    respond(Type::kClusters, {{"a", "c1", eds_cluster("a")}});
    respond(Type::kEndpoints, {{"a", "e1", endpoints("a", 80)}});
    respond(Type::kListeners, {{"in", "l1", listener("in", "r")}});
    respond(Type::kRoutes, {{"r", "r1", routes("r", "a")}});
    requests();
    sink_.batches.clear();
  }

  DynamicConfig config_{.ads = AdsConfig{}, .clusters = ResourceSource{}, .listeners = ResourceSource{}};
  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  ResourceStore store_{Environment{stats_, node_, runtime_}};
  RecordingSink sink_;
  Discovery discovery_{config_, store_, stats_, sink_};
  DeltaProtocol protocol_{{{}, {}, true}, discovery_};
  MonotonicTime now_{std::chrono::seconds(100)};
  int nonces_ = 0;
};

TEST_F(DeltaProtocolTest, SubscribesInOrderAndAcknowledges) {
  begin();
  EXPECT_EQ(requests(), "Cluster \n") << "the wildcard is said by naming nothing";
  respond(Type::kClusters, {{"a", "1", eds_cluster("a")}, {"b", "1", eds_cluster("b")}});
  EXPECT_EQ(requests(), "Cluster n1\nClusterLoadAssignment  +a +b\n");
  respond(Type::kEndpoints, {{"a", "1", endpoints("a", 80)}, {"b", "1", endpoints("b", 80)}});
  EXPECT_EQ(requests(), "ClusterLoadAssignment n2\nListener \n");
  respond(Type::kListeners, {{"in", "1", listener("in", "r")}});
  EXPECT_EQ(requests(), "Listener n3\nRouteConfiguration  +r\n");
  respond(Type::kRoutes, {{"r", "1", routes("r", "a")}});
  EXPECT_EQ(requests(), "RouteConfiguration n4\n");
  EXPECT_EQ(sink_.batches, (std::vector<std::string>{"clusters a b", "routes r; listeners in"}));
  EXPECT_EQ(sink_.done, 1);
}

TEST_F(DeltaProtocolTest, OnlyWhatIsGivenChangesAndOnlyWhatIsRemovedGoes) {
  serve();
  respond(Type::kClusters, {{"b", "1", eds_cluster("b")}});
  EXPECT_EQ(requests(), "Cluster n5\nClusterLoadAssignment  +b\n");
  respond(Type::kEndpoints, {{"b", "1", endpoints("b", 80)}});
  respond(Type::kClusters, {}, {"a"});
  EXPECT_EQ(requests(), "ClusterLoadAssignment n6 -a\nCluster n7\n") << "said with the next answer";
  EXPECT_EQ(sink_.batches, (std::vector<std::string>{"clusters b", "removed_clusters a"}));
}

TEST_F(DeltaProtocolTest, AfterALossTheServerHearsWhatIsHere) {
  serve();
  protocol_.disconnected();
  EXPECT_EQ(requests(), "");
  protocol_.connected();
  EXPECT_EQ(requests(),
            "Cluster  {a=c1 }\nClusterLoadAssignment  +a {a=e1 }\nListener  {in=l1 }\n"
            "RouteConfiguration  +r {r=r1 }\n");
  respond(Type::kClusters, {}, {"a"});
  EXPECT_EQ(sink_.batches, std::vector<std::string>{"removed_clusters a"}) << "gone while nobody listened";
}

TEST_F(DeltaProtocolTest, TheSameBytesAsAnotherVersionAreToldAsThatVersion) {
  serve();
  respond(Type::kClusters, {{"a", "c2", eds_cluster("a")}});
  respond(Type::kEndpoints, {{"a", "e2", endpoints("a", 80)}});
  requests();
  EXPECT_TRUE(sink_.batches.empty()) << "nothing is different";
  protocol_.disconnected();
  protocol_.connected();
  EXPECT_EQ(requests(),
            "Cluster  {a=c2 }\nClusterLoadAssignment  +a {a=e2 }\nListener  {in=l1 }\n"
            "RouteConfiguration  +r {r=r1 }\n");
}

TEST_F(DeltaProtocolTest, WhatIsNoLongerFollowedOrWasRemovedIsNotToldAsHere) {
  serve();
  respond(Type::kEndpoints, {}, {"a"});
  respond(Type::kRoutes, {}, {"r"});
  requests();
  protocol_.disconnected();
  protocol_.connected();
  EXPECT_EQ(requests(),
            "Cluster  {a=c1 }\nClusterLoadAssignment  +a\nListener  {in=l1 }\nRouteConfiguration  +r\n");
}

TEST_F(DeltaProtocolTest, ARefusedResourceIsNamedAndTheOthersOfItsResponseServe) {
  serve();
  const auto bad = eds_cluster("a", "connect_timeout: -1s");
  respond(Type::kClusters, {{"a", "c2", bad}, {"b", "c1", eds_cluster("b")}}, {});
  const std::string text = requests();
  EXPECT_EQ(text.find("Cluster n5 cluster 'a': connect_timeout"), 0u) << text;
  EXPECT_EQ(text.find("'b'"), std::string::npos) << text;
  respond(Type::kEndpoints, {{"b", "1", endpoints("b", 80)}});
  EXPECT_EQ(sink_.batches, std::vector<std::string>{"clusters b"});
  EXPECT_EQ(store_.refused_count(Type::kClusters), 1u);
  protocol_.disconnected();
  protocol_.connected();
  EXPECT_EQ(requests().substr(0, 24), "Cluster  {a=c1 b=c1 }\nCl")
      << "the version that serves, not the refused one";
  respond(Type::kClusters, {{"a", "c3", eds_cluster("a")}});
  EXPECT_EQ(store_.refused_count(Type::kClusters), 0u);
}

TEST_F(DeltaProtocolTest, AResourceMustHoldWhatItIsNamedAfter) {
  serve();
  respond(Type::kClusters, {{"b", "1", eds_cluster("c")}, {"d", "1", routes("r", "a")}});
  const std::string text = requests();
  EXPECT_NE(text.find("cluster 'b': holds the resource 'c'"), std::string::npos) << text;
  EXPECT_NE(text.find("cluster 'd': is a 'type.googleapis.com/envoy.config.route"), std::string::npos)
      << text;
  respond(Type::kClusters, {{"x", "1", eds_cluster("x")}}, {"x"});
  EXPECT_NE(requests().find("'x'"), std::string::npos) << "given and removed at once";
  EXPECT_TRUE(sink_.batches.empty());
}

TEST_F(DeltaProtocolTest, WhatTheServerDoesNotHaveIsNotWaitedFor) {
  begin();
  respond(Type::kClusters, {{"a", "1", eds_cluster("a")}});
  EXPECT_TRUE(sink_.batches.empty());
  respond(Type::kEndpoints, {}, {"a"});
  EXPECT_EQ(sink_.batches, std::vector<std::string>{"clusters a"});
  respond(Type::kEndpoints, {{"a", "1", endpoints("a", 80)}});
  respond(Type::kEndpoints, {}, {"a"});
  EXPECT_EQ(sink_.batches.size(), 2u) << "endpoints that are there stay with their cluster";
}

TEST_F(DeltaProtocolTest, AResourceThatIsNotRenewedGoes) {
  serve();
  respond(Type::kClusters, {{"b", "1", eds_cluster("b"), 10}});
  respond(Type::kEndpoints, {{"b", "1", endpoints("b", 80)}});
  now_ += std::chrono::seconds(9);
  respond(Type::kClusters, {{"b", "1", std::nullopt, 10}});
  sink_.batches.clear();
  now_ += std::chrono::seconds(9);
  protocol_.on_time(now_);
  EXPECT_TRUE(sink_.batches.empty()) << "it was renewed";
  EXPECT_EQ(protocol_.next_deadline(), now_ + std::chrono::seconds(1));
  now_ += std::chrono::seconds(1);
  protocol_.on_time(now_);
  EXPECT_EQ(sink_.batches, std::vector<std::string>{"removed_clusters b"});
}

TEST_F(DeltaProtocolTest, AStormOfRefusalsIsSlowed) {
  serve();
  std::string text;
  for (int i = 0; i < 20; ++i) {
    respond(Type::kClusters, {{"a", std::to_string(i), eds_cluster("a", "connect_timeout: -1s")}});
    text += requests();
  }
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5) << text;
  now_ += std::chrono::milliseconds(1100);
  protocol_.on_time(now_);
  EXPECT_EQ(requests().substr(0, 12), "Cluster n24 ") << "the last one, once";
  EXPECT_EQ(requests(), "");
}

TEST_F(DeltaProtocolTest, AServerThatDoesNotListenIsNotReadForEver) {
  serve();
  for (int i = 0; i < 200 && !protocol_.is_behind(); ++i) respond(Type::kClusters, {});
  EXPECT_TRUE(protocol_.is_behind());
  const std::string text = requests();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 101);
  EXPECT_FALSE(protocol_.is_behind());
}

TEST_F(DeltaProtocolTest, AWildcardBesideNamesIsSpelledOut) {
  begin();
  protocol_.follow(Type::kClusters, "on-demand");
  EXPECT_EQ(requests(), "Cluster  +* +on-demand\n");
}

}  // namespace
}  // namespace remora::xds
