// Virtual hosts that come on their own (VHDS): what the proxy asks for, and what it makes of the answers.
#include "client/delta_protocol.h"
#include "client/discovery.h"
#include "unit/xds_client/source_test.h"

namespace remora::xds {
namespace {

using Type = ResourceType;

google::protobuf::Any table(const std::string& more = "") {
  return pack<envoy::config::route::v3::RouteConfiguration>("{name: r, vhds: {config_source: {ads: {}}}" +
                                                            (more.empty() ? "" : ", " + more) + "}");
}

google::protobuf::Any host(const std::string& name, const std::string& domains, const std::string& cluster) {
  return pack<envoy::config::route::v3::VirtualHost>(
      "{name: " + name + ", domains: [" + domains +
      "], routes: [{match: {prefix: /}, route: {cluster: " + cluster + "}}]}");
}

class VirtualHostsTest : public testing::Test {
 protected:
  struct Given {
    std::string name;
    std::optional<google::protobuf::Any> content;
    std::vector<std::string> aliases;
  };
  VirtualHostsTest() {
    store_.set_ads_is_delta(true);
    discovery_.set_ads(protocol_);
  }
  void respond(Type type, const std::vector<Given>& resources, const std::vector<std::string>& removed = {}) {
    DeltaProtocol::Response response;
    response.set_type_url(std::string(type_url(type)));
    response.set_system_version_info("v" + std::to_string(++responses_));
    response.set_nonce("n" + std::to_string(responses_));
    for (const Given& given : resources) {
      auto& resource = *response.add_resources();
      resource.set_name(given.name);
      resource.set_version(std::to_string(responses_));
      if (given.content) *resource.mutable_resource() = *given.content;
      for (const auto& alias : given.aliases) resource.add_aliases(alias);
    }
    for (const auto& name : removed) response.add_removed_resources(name);
    protocol_.received(response, now_, {});
    discovery_.on_answered(now_);
  }
  /// What is said about virtual hosts: "+added -removed {versions} error", a request a line.
  std::string requests() {
    std::string text;
    while (auto request = protocol_.next_request()) {
      if (request->type_url() != type_url(Type::kVirtualHosts)) continue;
      for (const auto& name : request->resource_names_subscribe()) text += "+" + name + " ";
      for (const auto& name : request->resource_names_unsubscribe()) text += "-" + name + " ";
      std::map<std::string, std::string> versions(request->initial_resource_versions().begin(),
                                                  request->initial_resource_versions().end());
      for (const auto& [name, version] : versions) text += name + "=" + version + " ";
      text += request->error_detail().message() + "\n";
    }
    return text;
  }
  void begin(const google::protobuf::Any& routes = table()) {
    discovery_.start(now_);
    protocol_.connected();
    respond(Type::kClusters, {});
    respond(Type::kListeners, {{"in", listener("in", "r"), {}}});
    respond(Type::kRoutes, {{"r", routes, {}}});
  }
  /// The cluster that a request to that host goes to; "-": none.
  std::string target(const std::string& authority) {
    const auto made = store_.routes().value_of("r");
    HeaderMap head;
    head.add(HeaderId::kMethod, "GET");
    head.add(HeaderId::kAuthority, authority);
    head.add(HeaderId::kPath, "/");
    const auto match = made->match(head, 0);
    return match.route == nullptr ? "-" : match.route->forward.cluster;
  }
  const VirtualHost* host_of(const std::string& name) {
    for (const VirtualHost& made : store_.routes().value_of("r")->config().virtual_hosts) {
      if (made.name == name) return &made;
    }
    return nullptr;
  }

  DynamicConfig config_{.ads = AdsConfig{}, .clusters = ResourceSource{}, .listeners = ResourceSource{}};
  StatsStore stats_{2};
  NodeInfo node_;
  std::map<std::string, std::string> runtime_;
  ResourceStore store_{Environment{stats_, node_, runtime_}};
  struct Sink final : ConfigSink {
    void apply(ConfigBatch batch) override {
      batches.push_back(summary(batch));
      for (const auto& one : batch.settled)
        settled += one.key.table + "/" + one.key.name + (one.found ? ":found " : ":none ");
      for (const auto& one : batch.settled) newest = std::max(newest, one.number);
    }
    void initial_fetch_done() override {}
    std::vector<std::string> batches;
    std::string settled;
    uint64_t newest = 0;  // number of a demand that was answered
  } sink_;
  Discovery discovery_{config_, store_, stats_, sink_};
  DeltaProtocol protocol_{{}, discovery_};
  MonotonicTime now_{std::chrono::seconds(100)};
  int responses_ = 0;
};

TEST_F(VirtualHostsTest, AListenerWaitsUntilTheyAreThere) {
  begin();
  EXPECT_EQ(requests(), "\n") << "all that there is, as Envoy asks";
  EXPECT_TRUE(store_.listeners().is_warming());
  respond(Type::kVirtualHosts, {{"r/a", host("r/a", "a.test", "one"), {}}});
  EXPECT_FALSE(store_.listeners().is_warming());
  EXPECT_EQ(sink_.batches.back(), "routes r; listeners in");
  EXPECT_EQ(target("a.test"), "one");
  EXPECT_EQ(target("b.test"), "-");
}

TEST_F(VirtualHostsTest, ThereMayBeNone) {
  begin();
  respond(Type::kVirtualHosts, {}, {"r"});
  EXPECT_FALSE(store_.listeners().is_warming());
}

TEST_F(VirtualHostsTest, AnEmptyAnswerSaysSoToo) {
  begin();
  respond(Type::kVirtualHosts, {});
  EXPECT_FALSE(store_.listeners().is_warming());
}

TEST_F(VirtualHostsTest, WhatDoesNotComeIsGivenUpInItsOwnTime) {
  begin(pack<envoy::config::route::v3::RouteConfiguration>(
      "{name: r, vhds: {config_source: {ads: {}, initial_fetch_timeout: 30s}}}"));
  now_ += std::chrono::seconds(29);
  discovery_.on_time(now_);
  EXPECT_TRUE(store_.listeners().is_warming());
  now_ += std::chrono::seconds(2);
  discovery_.on_time(now_);
  EXPECT_FALSE(store_.listeners().is_warming());
}

TEST_F(VirtualHostsTest, TheyComeChangeAndGoOneByOne) {
  begin();
  respond(Type::kVirtualHosts,
          {{"r/a", host("r/a", "a.test", "one"), {}}, {"r/b", host("r/b", "b.test", "two"), {}}});
  const VirtualHost* const kept = host_of("r/a");
  respond(Type::kVirtualHosts, {{"r/b", host("r/b", "b.test", "three"), {}}});
  EXPECT_EQ(sink_.batches.back(), "routes r");
  EXPECT_EQ(target("b.test"), "three");
  EXPECT_EQ(host_of("r/a"), kept) << "what did not change is the same object";
  respond(Type::kVirtualHosts, {{"r/c", host("r/c", "c.test", "four"), {}}}, {"r/a"});
  EXPECT_EQ(target("a.test"), "-");
  EXPECT_EQ(target("b.test"), "three");
  EXPECT_EQ(target("c.test"), "four");
  const size_t before = sink_.batches.size();
  respond(Type::kVirtualHosts, {{"r/c", host("r/c", "c.test", "four"), {}}});
  EXPECT_EQ(sink_.batches.size(), before) << "unchanged is no change";
}

TEST_F(VirtualHostsTest, ADomainMovesWithinOneResponse) {
  begin();
  respond(Type::kVirtualHosts,
          {{"r/a", host("r/a", "a.test, d.test", "one"), {}}, {"r/b", host("r/b", "b.test", "two"), {}}});
  respond(Type::kVirtualHosts,
          {{"r/b", host("r/b", "b.test, d.test", "two"), {}}, {"r/a", host("r/a", "a.test", "one"), {}}});
  EXPECT_EQ(target("d.test"), "two");
  respond(Type::kVirtualHosts, {{"r/c", host("r/c", "d.test", "three"), {}}}, {"r/b"});
  EXPECT_EQ(target("d.test"), "three");
}

TEST_F(VirtualHostsTest, GoodOnesOfAResponseAreTakenAndBadOnesNamed) {
  begin(
      table("virtual_hosts: [{name: own, domains: [own.test], routes: [{match: {prefix: /}, route: {cluster: "
            "own}}]}]"));
  respond(Type::kVirtualHosts, {{"r/a", host("r/a", "a.test", "one"), {}}});
  requests();
  respond(Type::kVirtualHosts, {{"r/a", host("r/a", "a.test", "two"), {}},
                                {"r/b", host("r/b", "own.test", "two"), {}},
                                {"r/c", host("r/c", "'x*y'", "two"), {}},
                                {"r/d", host("r/d", "''", "two"), {}},
                                {"r/e", host("r/e", "e.test", "two"), {}}});
  EXPECT_EQ(target("a.test"), "two");
  EXPECT_EQ(target("e.test"), "two");
  EXPECT_EQ(target("own.test"), "own");
  const std::string said = requests();
  EXPECT_NE(said.find("virtual host 'r/b': "), std::string::npos) << said;
  EXPECT_NE(said.find("'own.test' occurs twice"), std::string::npos) << said;
  EXPECT_NE(said.find("virtual host 'r/c': "), std::string::npos) << said;
  EXPECT_NE(said.find("virtual host 'r/d': "), std::string::npos) << said;
  EXPECT_EQ(said.find("'r/e'"), std::string::npos) << said;
  EXPECT_EQ(store_.refused_count(Type::kVirtualHosts), 3u);
  respond(Type::kVirtualHosts, {{"r/b", host("r/b", "b.test", "two"), {}}}, {"r/c", "r/d"});
  EXPECT_EQ(store_.refused_count(Type::kVirtualHosts), 0u);
  EXPECT_EQ(target("b.test"), "two");
}

TEST_F(VirtualHostsTest, AChangedTableMakesThemAnew) {
  begin();
  const std::string answer =
      "{name: r/a, domains: [a.test], routes: [{match: {prefix: /}, direct_response: {status: 200, body: "
      "{inline_string: twelve-bytes}}}]}";
  respond(Type::kVirtualHosts, {{"r/a", pack<envoy::config::route::v3::VirtualHost>(answer), {}}});
  const VirtualHost* const first = host_of("r/a");
  respond(Type::kRoutes, {{"r", table("internal_only_headers: [x-one]"), {}}});
  ASSERT_NE(host_of("r/a"), nullptr);
  EXPECT_NE(host_of("r/a"), first);
  EXPECT_EQ(requests().find("must be"), std::string::npos);
  respond(Type::kRoutes, {{"r", table("max_direct_response_body_size_bytes: 5"), {}}});
  EXPECT_NE(store_.routes().find("r")->refused->details.find("vhds[\"r/a\"]"), std::string::npos)
      << store_.routes().find("r")->refused->details;
  EXPECT_EQ(store_.routes().value_of("r")->config().internal_only_headers.size(), 1u) << "the last good one";
}

TEST_F(VirtualHostsTest, ATableThatComesLaterHasThemToo) {
  begin();
  respond(Type::kVirtualHosts, {{"r/a", host("r/a", "a.test", "one"), {}},
                                {"other/b", host("other/b", "b.test", "two"), {}},
                                {"gone/c", host("gone/c", "c.test", "two"), {}}});
  EXPECT_EQ(target("b.test"), "-");
  respond(Type::kVirtualHosts, {}, {"gone/c"});
  respond(Type::kRoutes, {{"r", routes("r", "all"), {}}});
  EXPECT_EQ(target("a.test"), "all") << "without vhds, there are none";
  respond(Type::kRoutes, {{"r", table(), {}}});
  EXPECT_EQ(target("a.test"), "one") << "the server will not give it again";
  EXPECT_EQ(target("b.test"), "-");
  respond(Type::kListeners, {{"more", listener("more", "other"), {}}});
  respond(
      Type::kRoutes,
      {{"other",
        pack<envoy::config::route::v3::RouteConfiguration>("{name: other, vhds: {config_source: {ads: {}}}}"),
        {}}});
  EXPECT_FALSE(store_.listeners().is_warming());
  EXPECT_EQ(store_.routes().value_of("other")->config().virtual_hosts.at(0).name, "other/b");
}

TEST_F(VirtualHostsTest, AfterAReconnectTheServerHearsWhatIsHere) {
  begin();
  respond(Type::kVirtualHosts,
          {{"r/a", host("r/a", "a.test", "one"), {}}, {"r/b", host("r/b", "a.test", "x"), {}}});
  requests();
  protocol_.disconnected();
  protocol_.connected();
  EXPECT_EQ(requests(), "r/a=4 \n") << "the refused one is not here";
}

TEST_F(VirtualHostsTest, OnlyDeltaHasThem) {
  store_.set_ads_is_delta(false);
  begin();
  ASSERT_TRUE(store_.routes().find("r")->refused);
  EXPECT_EQ(store_.routes().find("r")->refused->details,
            "vhds.config_source: must be a server with api_type DELTA_GRPC, or ads of that api_type");
}

TEST_F(VirtualHostsTest, RequestsAskForThem) {
  begin();
  respond(Type::kVirtualHosts, {}, {"r"});
  requests();
  const DemandKey a{DemandKey::Kind::kVirtualHost, "r", "A.test"};
  const DemandKey b{DemandKey::Kind::kVirtualHost, "r", "b.test"};
  store_.demand_virtual_host({a});
  store_.demand_virtual_host({{DemandKey::Kind::kVirtualHost, "r", "a.test"}});
  store_.demand_virtual_host({b});
  discovery_.store_changed(now_);
  EXPECT_EQ(requests(), "+r/a.test +r/b.test \n");
  respond(Type::kVirtualHosts, {{"r/first", host("r/first", "a.test", "one"), {"r/a.test"}}});
  EXPECT_EQ(sink_.settled, "r/A.test:found r/a.test:found ");
  EXPECT_EQ(sink_.batches.back(), "routes r; found A.test a.test") << "the answer comes with the table";
  respond(Type::kVirtualHosts, {{"r/b.test", std::nullopt, {"r/b.test"}}});
  EXPECT_EQ(sink_.settled, "r/A.test:found r/a.test:found r/b.test:none ");
  EXPECT_NE(requests().find("-r/b.test"), std::string::npos) << "it may be asked for again";
  store_.demand_virtual_host({b, nullptr, 4});
  discovery_.store_changed(now_);
  EXPECT_EQ(requests(), "+r/b.test \n");
  EXPECT_EQ(sink_.newest, 0u);
  respond(Type::kRoutes, {{"r", routes("r", "all"), {}}});
  EXPECT_EQ(sink_.settled, "r/A.test:found r/a.test:found r/b.test:none r/b.test:none ")
      << "nobody answers any more";
  EXPECT_EQ(sink_.newest, 4u);
}

TEST_F(VirtualHostsTest, WhatRequestsAskForIsBounded) {
  begin();
  for (size_t i = 0; i < VirtualHostSets::kMostAsked + 3; ++i)
    store_.demand_virtual_host({{DemandKey::Kind::kVirtualHost, "r", "h" + std::to_string(i)}});
  store_.demand_virtual_host({{DemandKey::Kind::kVirtualHost, "r", std::string(600, 'x')}});
  store_.demand_virtual_host({{DemandKey::Kind::kVirtualHost, "unknown", "a"}});
  EXPECT_EQ(store_.take_batch().settled.size(), 5u);
}

}  // namespace
}  // namespace remora::xds
