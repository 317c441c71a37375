// Virtual hosts over delta: a table's name stands for all of its hosts.
#include <gtest/gtest.h>

#include "control_plane/ads_session.h"
#include "unit/control_plane/snapshot_builder.h"

namespace remora::xds {
namespace {

using istio::XdsType;
using test::SnapshotBuilder;
using Names = std::vector<std::string>;
using Versions = std::map<std::string, std::string>;

constexpr XdsType kHosts = XdsType::kVirtualHost;

class AdsVirtualHostsTest : public ::testing::Test {
 protected:
  void hosts(const Names& names) { session_.set_snapshot(SnapshotBuilder().hosts(names).build()); }
  void ask(const Names& names, const Names& without = {}, Versions versions = {}, XdsType type = kHosts) {
    session_.on_request({type, "", list(names), {}, list(without), std::move(versions)});
  }
  void ack(XdsType type = kHosts) { session_.on_request({type, nonces_[type], nullptr, {}}); }
  static NamesPtr list(const Names& names) {
    return names.empty() ? nullptr : std::make_shared<const Names>(names);
  }
  static std::string version(const std::string& text) {
    return istio::version_text(test::resource_of(text)->hash);
  }
  /// What is sent until nothing is due, each response taken.
  Names all() {
    Names out;
    for (auto delivery = session_.next(); delivery; delivery = session_.next()) {
      std::string text(istio::short_name(delivery->type));
      for (const auto& resource : delivery->resources) text += ' ' + resource->any;
      for (const auto& name : delivery->removed) text += " -" + name;
      out.push_back(text);
      nonces_[delivery->type] = delivery->nonce;
      ack(delivery->type);
    }
    return out;
  }

  AdsSession session_{AdsProtocol::kDelta};
  std::map<XdsType, std::string> nonces_;
};

TEST_F(AdsVirtualHostsTest, ATableBringsItsHostsAndNoOthers) {
  hosts({"80/a", "80/b", "8080/a", "8/a", "80.x/a"});
  ask({"80"});
  EXPECT_EQ(all(), Names{"VHDS 80/a 80/b"});
  ask({"8080"});
  EXPECT_EQ(all(), Names{"VHDS 8080/a"});
}

TEST_F(AdsVirtualHostsTest, OneChangedHostTravelsAlone) {
  hosts({"80/a", "80/b", "80/c", "81/a"});
  ask({"80"});
  all();
  hosts({"80/a", "80/b=2", "80/d", "81/a=2"});
  EXPECT_EQ(all(), Names{"VHDS 80/b=2 80/d -80/c"});
}

TEST_F(AdsVirtualHostsTest, ATableWithoutHostsIsAnAnswer) {
  hosts({"81/a"});
  ask({"80"});
  EXPECT_EQ(all(), Names{"VHDS -80"});
  hosts({"80/a"});
  EXPECT_EQ(all(), Names{"VHDS 80/a"});
}

TEST_F(AdsVirtualHostsTest, ATableThatIsLeftIsForgotten) {
  hosts({"80/a", "81/a"});
  ask({"80", "81"});
  all();
  ask({}, {"80"});
  hosts({"80/a=2", "81/a=2"});
  EXPECT_EQ(all(), Names{"VHDS 81/a=2"});
  ask({"80"});
  EXPECT_EQ(all(), Names{"VHDS 80/a=2"});
}

TEST_F(AdsVirtualHostsTest, WhoComesBackGetsWhatChangedMeanwhile) {
  hosts({"80/a", "80/b=2", "81/a"});
  ask({"80"}, {}, {{"80/a", version("80/a")}, {"80/b", version("80/b")}, {"80/c", version("80/c")}});
  EXPECT_EQ(all(), Names{"VHDS 80/b=2 -80/c"});
}

TEST_F(AdsVirtualHostsTest, ASingleHostCanBeFollowed) {
  hosts({"80/a", "80/b"});
  ask({"80/b", "80/nobody"});
  EXPECT_EQ(all(), Names{"VHDS 80/b -80/nobody"});
  hosts({"80/a=2", "80/b=2"});
  EXPECT_EQ(all(), Names{"VHDS 80/b=2"});
}

TEST_F(AdsVirtualHostsTest, ThoseWhoComeBackLoseNoClusterBeforeTheyHaveAskedForHosts) {
  session_.set_snapshot(
      SnapshotBuilder().static_cluster("a").listeners({"l"}).routes({"80"}).hosts({"80/a"}).build());
  ask({}, {}, {{"a", version("a")}, {"old", version("old")}}, XdsType::kCluster);
  ask({}, {}, {{"l", version("l")}}, XdsType::kListener);
  ask({"80"}, {}, {{"80", version("80")}}, XdsType::kRoute);
  EXPECT_EQ(all(), Names{});
  EXPECT_TRUE(session_.holding_back());
  ask({"80"}, {}, {{"80/a", version("80/a=0")}});
  EXPECT_EQ(all(), (Names{"VHDS 80/a", "CDS -old"}));
}

/// As Envoy asks: without a name. It takes virtual hosts only of tables that it has.
TEST_F(AdsVirtualHostsTest, WithoutNamesThoseOfTheClientsOwnTablesAreMeant) {
  const auto mesh = [](const Names& tables, const Names& names) {
    return SnapshotBuilder().routes(tables).hosts(names).build();
  };
  session_.set_snapshot(mesh({"80", "81"}, {"80/a", "80/b", "81/a"}));
  ask({"80"}, {}, {}, XdsType::kRoute);
  ask({});
  auto table = session_.next();
  ASSERT_TRUE(table && table->type == XdsType::kRoute);
  EXPECT_FALSE(session_.next()) << "it may not have looked at the table yet";
  nonces_[XdsType::kRoute] = table->nonce;
  ack(XdsType::kRoute);
  EXPECT_EQ(all(), Names{"VHDS 80/a 80/b"});
  ask({"81"}, {"80"}, {}, XdsType::kRoute);
  EXPECT_EQ(all(), (Names{"RDS 81", "VHDS 81/a"}));
  session_.set_snapshot(mesh({"80", "81"}, {"80/a=2", "80/b", "81/b"}));
  EXPECT_EQ(all(), Names{"VHDS 81/b -81/a"});
  ask({"80"}, {}, {}, XdsType::kRoute);
  EXPECT_EQ(all(), (Names{"RDS 80", "VHDS 80/a=2 80/b"})) << "it has forgotten them with the table";
}

TEST_F(AdsVirtualHostsTest, WhoComesBackWithoutNamesGetsWhatChangedMeanwhile) {
  session_.set_snapshot(SnapshotBuilder().routes({"80"}).hosts({"80/a", "80/b=2"}).build());
  ask({}, {}, {{"80/a", version("80/a")}, {"80/b", version("80/b")}, {"80/c", version("80/c")}});
  EXPECT_EQ(all(), Names{});
  ask({"80"}, {}, {{"80", version("80")}}, XdsType::kRoute);
  EXPECT_EQ(all(), Names{"VHDS 80/b=2 -80/c"});
}

/// Resources of a quarter of what a response may hold, or a bit more.
Names large(const Names& names) {
  Names out;
  for (const std::string& name : names)
    out.push_back(name + '=' + std::string(AdsChannel::kMaxResponseBytes / 4, 'x'));
  return out;
}

class AdsPartsTest : public ::testing::TestWithParam<AdsProtocol> {};

/// The names of the next response; empty: there is none.
std::string next(AdsSession& session, std::string& nonce) {
  const auto delivery = session.next();
  if (!delivery) return "";
  nonce = delivery->nonce;
  std::string text;
  for (const auto& resource : delivery->resources) text += resource->name;
  for (const auto& name : delivery->removed) text += '-' + name.substr(0, 1);
  return text;
}

TEST_P(AdsPartsTest, MuchGoesInSeveralResponses) {
  AdsSession session(GetParam());
  session.set_snapshot(SnapshotBuilder().endpoints(large({"a", "b", "c", "d", "e", "f", "g"})).build());
  const Names names{"a", "b", "c", "d", "e", "f", "g"};
  const auto followed = std::make_shared<const Names>(names);
  const auto repeated = GetParam() == AdsProtocol::kDelta ? nullptr : followed;
  std::string nonce;
  session.on_request({XdsType::kEndpoint, "", followed, {}});
  EXPECT_EQ(next(session, nonce), "abc");
  EXPECT_EQ(next(session, nonce), "") << "the next part waits for the answer";
  session.on_request({XdsType::kEndpoint, nonce, repeated, {}});
  EXPECT_EQ(next(session, nonce), "def");
  session.on_request({XdsType::kEndpoint, nonce, repeated, "no"});
  EXPECT_EQ(next(session, nonce), "g") << "a rejected part keeps nothing from coming";
  session.on_request({XdsType::kEndpoint, nonce, repeated, {}});
  EXPECT_EQ(next(session, nonce), "");
}

INSTANTIATE_TEST_SUITE_P(Protocols, AdsPartsTest,
                         ::testing::Values(AdsProtocol::kDelta, AdsProtocol::kStateOfTheWorld));

TEST(AdsParts, OneLargeResourceGoesByItself) {
  AdsSession session(AdsProtocol::kDelta);
  session.set_snapshot(SnapshotBuilder()
                           .endpoints({"a", "b=" + std::string(2 * AdsChannel::kMaxResponseBytes, 'x'), "c"})
                           .build());
  std::string nonce;
  session.on_request({XdsType::kEndpoint, "", std::make_shared<const Names>(Names{"a", "b", "c"}), {}});
  for (const char* part : {"a", "b", "c"}) {
    EXPECT_EQ(next(session, nonce), part);
    session.on_request({XdsType::kEndpoint, nonce, nullptr, {}});
  }
  EXPECT_EQ(next(session, nonce), "");
}

TEST(AdsParts, ManyNamesThatLeaveGoInParts) {
  AdsSession session(AdsProtocol::kDelta);
  Names names;
  for (char letter = 'a'; letter < 'f'; ++letter)
    names.push_back(letter + std::string(AdsChannel::kMaxResponseBytes / 4, 'x'));
  session.set_snapshot(SnapshotBuilder().endpoints(names).build());
  session.on_request({XdsType::kEndpoint, "", std::make_shared<const Names>(names), {}});
  std::string nonce;
  while (session.next())
    session.on_request({XdsType::kEndpoint, nonce = std::to_string(std::stoi("0" + nonce) + 1), nullptr, {}});
  session.set_snapshot(SnapshotBuilder().build());
  EXPECT_EQ(next(session, nonce), "-a-b-c");
  session.on_request({XdsType::kEndpoint, nonce, nullptr, {}});
  EXPECT_EQ(next(session, nonce), "-d-e");
}

}  // namespace
}  // namespace remora::xds
