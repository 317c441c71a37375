#include "client/sotw_protocol.h"
#include "client/discovery.h"

#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;

class SotwProtocolTest : public testing::Test {
 protected:
  SotwProtocolTest() {
    identity_.set_id("n");
    identity_.set_cluster("c");
  }
  SotwProtocol& protocol() {
    if (!protocol_) {
      protocol_ = std::make_unique<SotwProtocol>(
          StreamIdentity{{}, identity_, config_.ads->node_on_first_message_only}, discovery_);
      discovery_.set_ads(*protocol_);
    }
    return *protocol_;
  }
  void begin() {
    protocol();
    discovery_.start(now_);
    protocol().connected();
  }
  void respond(Type type, std::vector<google::protobuf::Any> resources, const std::string& version) {
    SotwProtocol::Response response;
    response.set_type_url(std::string(type_url(type)));
    response.set_version_info(version);
    response.set_nonce("nonce-" + std::to_string(++nonces_));
    for (auto& resource : resources) *response.add_resources() = std::move(resource);
    protocol().received(response, now_, {});
  }
  /// All requests that wait to be sent, one a line: "Cluster version nonce [names] error".
  std::string requests() {
    std::string text;
    while (auto request = protocol().next_request()) {
      const std::string& url = request->type_url();
      text += url.substr(url.rfind('.') + 1) + " '" + request->version_info() + "' " +
              request->response_nonce() + " [";
      for (const auto& name : request->resource_names()) text += name + " ";
      text += "]" + (request->has_error_detail() ? " " + request->error_detail().message() : "") +
              (request->has_node() ? " node" : "") + "\n";
    }
    return text;
  }
  /// Everything up to a listener that serves.
  void serve() {
    begin();
    respond(Type::kClusters, {eds_cluster("a")}, "1");
    respond(Type::kEndpoints, {endpoints("a", 80)}, "1");
    respond(Type::kListeners, {listener("in", "r")}, "1");
    respond(Type::kRoutes, {routes("r", "a")}, "1");
    requests();
    sink_.batches.clear();
  }

  DynamicConfig config_{.ads = AdsConfig{}, .clusters = ResourceSource{}, .listeners = ResourceSource{}};
  envoy::config::core::v3::Node identity_;
  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  ResourceStore store_{Environment{stats_, node_, runtime_}};
  RecordingSink sink_;
  Discovery discovery_{config_, store_, stats_, sink_};
  std::unique_ptr<SotwProtocol> protocol_;
  MonotonicTime now_{std::chrono::seconds(100)};
  int nonces_ = 0;
};

TEST_F(SotwProtocolTest, SubscribesInOrderAndAcknowledges) {
  config_.ads->node_on_first_message_only = true;
  begin();
  EXPECT_EQ(requests(), "Cluster ''  [] node\n");
  respond(Type::kClusters, {eds_cluster("a"), eds_cluster("b")}, "7");
  EXPECT_EQ(requests(), "Cluster '7' nonce-1 []\nClusterLoadAssignment ''  [a b ]\n");
  respond(Type::kEndpoints, {endpoints("a", 80), endpoints("b", 80)}, "8");
  EXPECT_EQ(requests(), "ClusterLoadAssignment '8' nonce-2 [a b ]\nListener ''  []\n");
  EXPECT_EQ(sink_.done, 0);
  respond(Type::kListeners, {listener("in", "r")}, "9");
  EXPECT_EQ(requests(), "Listener '9' nonce-3 []\nRouteConfiguration ''  [r ]\n");
  EXPECT_EQ(sink_.done, 0);
  respond(Type::kRoutes, {routes("r", "a")}, "10");
  EXPECT_EQ(requests(), "RouteConfiguration '10' nonce-4 [r ]\n");
  EXPECT_EQ(sink_.batches, (std::vector<std::string>{"clusters a b", "routes r; listeners in"}));
  EXPECT_EQ(sink_.done, 1);
}

TEST_F(SotwProtocolTest, TheNodeGoesWithEveryRequestUnlessToldOtherwise) {
  begin();
  respond(Type::kClusters, {}, "1");
  EXPECT_EQ(requests(), "Cluster '1' nonce-1 [] node\nListener ''  [] node\n");
}

TEST_F(SotwProtocolTest, ARefusalNamesEveryBadResourceAndThePreviousVersion) {
  serve();
  respond(Type::kClusters,
          {eds_cluster("a"), eds_cluster("x", "lb_policy: LOAD_BALANCING_POLICY_CONFIG"),
           eds_cluster("y", "lb_policy: CLUSTER_PROVIDED")},
          "2");
  const std::string text = requests();
  EXPECT_EQ(text.substr(0, 20), "Cluster '1' nonce-5 ");
  EXPECT_NE(text.find("cluster 'x': lb_policy: LOAD_BALANCING_POLICY_CONFIG"), std::string::npos) << text;
  EXPECT_NE(text.find("cluster 'y': lb_policy: CLUSTER_PROVIDED"), std::string::npos) << text;
  respond(Type::kClusters, {eds_cluster("a")}, "3");
  EXPECT_EQ(requests(), "Cluster '3' nonce-6 [] node\n");
}

TEST_F(SotwProtocolTest, AfterALossKnownVersionsAreSentWithoutNonces) {
  serve();
  protocol().disconnected();
  EXPECT_EQ(requests(), "");
  protocol().connected();
  EXPECT_EQ(requests(),
            "Cluster '1'  [] node\nClusterLoadAssignment '1'  [a ] node\nListener '1'  [] node\n"
            "RouteConfiguration '1'  [r ] node\n");
  EXPECT_TRUE(sink_.batches.empty()) << "nothing is lost with the stream";
}

TEST_F(SotwProtocolTest, AStormOfRefusalsIsSlowed) {
  serve();
  std::string first;
  for (int i = 0; i < 20; ++i) {
    respond(Type::kClusters, {eds_cluster("x", "lb_policy: LOAD_BALANCING_POLICY_CONFIG")},
            std::to_string(i));
    first += requests();
  }
  size_t refusals = 0;
  for (size_t at = first.find("lb_policy"); at != std::string::npos; at = first.find("lb_policy", at + 1))
    ++refusals;
  EXPECT_EQ(refusals, 5u) << first;
  EXPECT_LE(protocol().next_deadline(), now_ + std::chrono::milliseconds(1001));
  now_ += std::chrono::milliseconds(1100);
  protocol().on_time(now_);
  EXPECT_EQ(requests().substr(0, 21), "Cluster '1' nonce-24 ") << "the last one, once";
  EXPECT_EQ(requests(), "");
}

TEST_F(SotwProtocolTest, StartGoesOnWithoutAServer) {
  protocol();
  discovery_.start(now_);
  EXPECT_EQ(protocol().next_deadline(), now_ + std::chrono::seconds(15));
  protocol().on_time(now_ + std::chrono::seconds(15));
  protocol().on_time(now_ + std::chrono::seconds(15));
  EXPECT_EQ(sink_.done, 1);
  protocol().connected();
  EXPECT_EQ(requests(), "Cluster ''  [] node\nListener ''  [] node\n");
}

TEST_F(SotwProtocolTest, ARefusedFirstAnswerDoesNotStopTheStart) {
  begin();
  respond(Type::kClusters, {eds_cluster("x", "lb_policy: LOAD_BALANCING_POLICY_CONFIG")}, "1");
  respond(Type::kListeners, {}, "1");
  EXPECT_EQ(sink_.done, 1);
}

TEST_F(SotwProtocolTest, TypesThatWereNotAskedForAreNotRead) {
  begin();
  requests();
  respond(Type::kRoutes, {routes("r", "a")}, "1");
  EXPECT_EQ(requests(), "");
}

TEST_F(SotwProtocolTest, AClusterThatIsMissingGoesAtOnce) {
  serve();
  respond(Type::kClusters, {eds_cluster("b")}, "2");
  respond(Type::kEndpoints, {endpoints("b", 80)}, "2");
  EXPECT_EQ(sink_.batches, (std::vector<std::string>{"removed_clusters a", "clusters b"}));
}

}  // namespace
}  // namespace remora::xds
