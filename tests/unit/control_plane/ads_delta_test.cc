// Envoy's delta protocol: what a request changes of a subscription, what a response must hold, and that the
// order of changes is the one that loses no request.
#include <gtest/gtest.h>

#include "control_plane/ads_session.h"
#include "unit/control_plane/snapshot_builder.h"

namespace remora::xds {
namespace {

using istio::XdsType;
using test::SnapshotBuilder;
using Names = std::vector<std::string>;
using Versions = std::map<std::string, std::string>;
using Outcome = AdsSession::Outcome;

/// A proxy on the other end, which answers as told.
class AdsDeltaTest : public ::testing::Test {
 protected:
  void snapshot(SnapshotBuilder builder) { session_.set_snapshot(builder.build()); }

  Outcome request(XdsType type, const Names& names, const Names& unsubscribe = {}, Versions versions = {}) {
    return session_.on_request({type, "", list(names), {}, list(unsubscribe), std::move(versions)});
  }
  Outcome subscribe(XdsType type, const Names& names = {}) { return request(type, names); }
  Outcome unsubscribe(XdsType type, const Names& names) { return request(type, {}, names); }
  Outcome resume(XdsType type, const Names& names, Versions versions) {
    return request(type, names, {}, std::move(versions));
  }
  Outcome ack(XdsType type) { return session_.on_request({type, nonces_[type], nullptr, {}}); }
  Outcome nack(XdsType type, const std::string& why) {
    return session_.on_request({type, nonces_[type], nullptr, why});
  }
  static NamesPtr list(const Names& names) {
    return names.empty() ? nullptr : std::make_shared<const Names>(names);
  }
  /// The version of what a builder makes of this text.
  static std::string version(const std::string& text) {
    return istio::version_text(test::resource_of(text)->hash);
  }

  /// The next response, as "TYPE a b=content -removed"; "" if nothing is due.
  std::string next() {
    const auto delivery = session_.next();
    if (!delivery) return "";
    nonces_[delivery->type] = delivery->nonce;
    std::string text(istio::short_name(delivery->type));
    for (const auto& resource : delivery->resources) text += ' ' + resource->any;
    for (const auto& name : delivery->removed) text += " -" + name;
    return text;
  }

  /// A proxy that has taken all of: clusters a, b with endpoints, listener l, route table r.
  void connect() {
    snapshot(mesh());
    subscribe(XdsType::kCluster);
    EXPECT_EQ(next(), "CDS a b");
    ack(XdsType::kCluster);
    subscribe(XdsType::kEndpoint, {"b", "a"});
    EXPECT_EQ(next(), "EDS a b");
    ack(XdsType::kEndpoint);
    subscribe(XdsType::kListener);
    EXPECT_EQ(next(), "LDS l");
    ack(XdsType::kListener);
    subscribe(XdsType::kRoute, {"r"});
    EXPECT_EQ(next(), "RDS r");
    ack(XdsType::kRoute);
    EXPECT_EQ(next(), "");
  }
  static SnapshotBuilder mesh(const std::string& route = "r") {
    return SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({route});
  }

  AdsSession session_{AdsProtocol::kDelta};
  std::map<XdsType, std::string> nonces_;
};

TEST_F(AdsDeltaTest, BringsUpAProxyInOrderAndThenIsQuiet) { connect(); }

TEST_F(AdsDeltaTest, OnlyWhatChangedTravels) {
  connect();
  SnapshotBuilder builder;
  builder.static_cluster("a").static_cluster("b=2").endpoints({"a=2", "b"}).listeners({"l"}).routes({"r"});
  snapshot(builder);
  EXPECT_EQ(next(), "CDS b=2");
  EXPECT_EQ(next(), "EDS a=2 b")
      << "a cluster that changed waits for endpoints, even if they are the old ones";
  EXPECT_EQ(next(), "");
}

TEST_F(AdsDeltaTest, AnEmptyMeshIsAnAnswerToThoseWhoAskForEverything) {
  snapshot(SnapshotBuilder());
  subscribe(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS");
  subscribe(XdsType::kListener, {"*"});
  EXPECT_EQ(next(), "LDS");
  EXPECT_EQ(next(), "");
}

TEST_F(AdsDeltaTest, WhatDoesNotExistIsSaidAtOnceAndComesLater) {
  snapshot(mesh());
  subscribe(XdsType::kRoute, {"r", "s"});
  EXPECT_EQ(next(), "RDS r -s");
  ack(XdsType::kRoute);
  EXPECT_EQ(next(), "");
  snapshot(mesh().routes({"s"}));
  EXPECT_EQ(next(), "RDS s");
  ack(XdsType::kRoute);
  snapshot(mesh());
  EXPECT_EQ(next(), "RDS -s");
}

TEST_F(AdsDeltaTest, NamesAreAddedAndTakenAway) {
  connect();
  unsubscribe(XdsType::kEndpoint, {"a", "never heard of"});
  snapshot(SnapshotBuilder().clusters({"a", "b"}).endpoints({"a=2", "b=2"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "EDS b=2");
  ack(XdsType::kEndpoint);
  subscribe(XdsType::kEndpoint, {"a"});
  EXPECT_EQ(next(), "EDS a=2");
}

TEST_F(AdsDeltaTest, WhatIsAskedForAgainIsSentAgain) {
  connect();
  subscribe(XdsType::kEndpoint, {"b"});
  EXPECT_EQ(next(), "EDS b") << "the proxy may have forgotten it";
  EXPECT_EQ(next(), "");
}

TEST_F(AdsDeltaTest, WithoutNamesNothingButClustersAndListenersIsMeant) {
  snapshot(mesh());
  subscribe(XdsType::kRoute);
  subscribe(XdsType::kEndpoint);
  EXPECT_EQ(next(), "");
}

TEST_F(AdsDeltaTest, EverythingMayBeLeftForNames) {
  snapshot(mesh());
  subscribe(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS a b");
  ack(XdsType::kCluster);
  subscribe(XdsType::kCluster, {"a", "x"});
  EXPECT_EQ(next(), "CDS a -x");
  ack(XdsType::kCluster);
  unsubscribe(XdsType::kCluster, {"*"});
  EXPECT_EQ(next(), "");
  snapshot(SnapshotBuilder().clusters({"a=2", "b=2"}));
  EXPECT_EQ(next(), "CDS a=2");
  ack(XdsType::kCluster);
  unsubscribe(XdsType::kCluster, {"a"});
  snapshot(SnapshotBuilder().clusters({"a=3", "b=3"}));
  EXPECT_EQ(next(), "") << "no names, but once there were some";
}

TEST_F(AdsDeltaTest, ANameThatEverythingCoversIsExplainedWhenItIsLeft) {
  snapshot(mesh());
  subscribe(XdsType::kCluster, {"*", "a", "x"});
  EXPECT_EQ(next(), "CDS a b -x");
  ack(XdsType::kCluster);
  unsubscribe(XdsType::kCluster, {"a", "x"});
  EXPECT_EQ(next(), "CDS a -x");
  ack(XdsType::kCluster);
  EXPECT_EQ(next(), "");
}

// --- reconnecting ---

TEST_F(AdsDeltaTest, AProxyThatComesBackGetsNothingThatItHas) {
  snapshot(mesh());
  resume(XdsType::kCluster, {}, {{"a", version("a")}, {"b", version("b")}});
  resume(XdsType::kEndpoint, {"a", "b"}, {{"a", version("a")}, {"b", version("b")}});
  resume(XdsType::kListener, {}, {{"l", version("l")}});
  resume(XdsType::kRoute, {"r"}, {{"r", version("r")}});
  EXPECT_EQ(next(), "");
  snapshot(mesh("r=2"));
  EXPECT_EQ(next(), "RDS r=2");
}

TEST_F(AdsDeltaTest, AProxyThatComesBackGetsWhatChangedMeanwhile) {
  snapshot(SnapshotBuilder().clusters({"a", "b=2", "c"}).listeners({"l=2"}).routes({"r"}));
  const Versions had{{"a", version("a")}, {"b", version("b")}, {"gone", "17"}};
  resume(XdsType::kCluster, {"*"}, had);
  EXPECT_EQ(next(), "CDS b=2 c");
  EXPECT_TRUE(session_.holding_back()) << "its listeners may still name the cluster that is gone";
  resume(XdsType::kEndpoint, {"a", "b", "gone"}, had);
  EXPECT_EQ(next(), "EDS b=2");
  ack(XdsType::kCluster);
  subscribe(XdsType::kEndpoint, {"c"});
  ack(XdsType::kEndpoint);
  EXPECT_EQ(next(), "EDS c");
  resume(XdsType::kListener, {}, {{"l", version("l")}, {"old", "1"}});
  EXPECT_EQ(next(), "LDS l=2 -old");
  EXPECT_EQ(next(), "");
  ack(XdsType::kListener);
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(session_.holding_back()) << "and so may its route tables";
  resume(XdsType::kRoute, {"r"}, {{"r", version("r")}});
  EXPECT_EQ(next(), "CDS -gone");
  ack(XdsType::kEndpoint);
  EXPECT_EQ(next(), "EDS -gone");
}

TEST_F(AdsDeltaTest, AClusterThatChangedMeanwhileGetsItsOldEndpointsAgain) {
  SnapshotBuilder builder;
  builder.static_cluster("a=2").endpoints({"a"});
  snapshot(builder);
  resume(XdsType::kCluster, {}, {{"a", version("a")}});
  EXPECT_EQ(next(), "CDS a=2");
  resume(XdsType::kEndpoint, {"a"}, {{"a", version("a")}});
  EXPECT_EQ(next(), "EDS a");
}

TEST_F(AdsDeltaTest, AProxyThatNeverAsksForListenersLosesOldClustersAllTheSame) {
  snapshot(SnapshotBuilder().clusters({"a"}));
  resume(XdsType::kCluster, {}, {{"a", version("a")}, {"gone", "17"}});
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(session_.holding_back());
  session_.stop_waiting();
  EXPECT_EQ(next(), "CDS -gone");
}

TEST_F(AdsDeltaTest, VersionsOfWhatIsNotFollowedAreForgotten) {
  snapshot(mesh());
  resume(XdsType::kEndpoint, {"a"}, {{"a", version("a")}, {"b", version("b")}});
  EXPECT_EQ(session_.sync_state(XdsType::kEndpoint).resources, 1U);
  EXPECT_EQ(next(), "");
  subscribe(XdsType::kEndpoint, {"b"});
  EXPECT_EQ(next(), "EDS b");
}

// --- answers ---

TEST_F(AdsDeltaTest, TheNextOfATypeWaitsForTheAnswer) {
  connect();
  snapshot(mesh("r=2"));
  EXPECT_EQ(next(), "RDS r=2");
  snapshot(mesh("r=3"));
  snapshot(mesh("r=4"));
  EXPECT_EQ(next(), "");
  EXPECT_EQ(ack(XdsType::kRoute), Outcome::kAck);
  EXPECT_EQ(next(), "RDS r=4");
}

TEST_F(AdsDeltaTest, ALateAnswerIsNoneButWhatItSubscribesToCounts) {
  connect();
  snapshot(mesh("r=2"));
  EXPECT_EQ(next(), "RDS r=2");
  EXPECT_EQ(session_.on_request({XdsType::kRoute, "0", list({"s"}), "late"}), Outcome::kStale);
  EXPECT_TRUE(session_.sync_state(XdsType::kRoute).waiting);
  EXPECT_EQ(session_.sync_state(XdsType::kRoute).error, "");
  EXPECT_EQ(ack(XdsType::kRoute), Outcome::kAck);
  EXPECT_EQ(next(), "RDS -s");
}

TEST_F(AdsDeltaTest, ASubscriptionIsNoAnswer) {
  connect();
  snapshot(mesh("r=2"));
  EXPECT_EQ(next(), "RDS r=2");
  EXPECT_EQ(subscribe(XdsType::kRoute, {"s"}), Outcome::kSubscribed);
  EXPECT_TRUE(session_.sync_state(XdsType::kRoute).waiting);
  EXPECT_EQ(next(), "");
}

TEST_F(AdsDeltaTest, ARejectionStopsNothingElse) {
  connect();
  snapshot(SnapshotBuilder().clusters({"a=bad", "b"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS a=bad");
  EXPECT_EQ(next(), "EDS a=bad");
  EXPECT_EQ(nack(XdsType::kCluster, "cluster a: no such thing"), Outcome::kNack);
  ack(XdsType::kEndpoint);
  EXPECT_EQ(next(), "");
  snapshot(SnapshotBuilder().clusters({"a=bad", "b=2"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS b=2") << "what was rejected is not sent again until it changes";
  ack(XdsType::kCluster);
  const SyncState state = session_.sync_state(XdsType::kCluster);
  EXPECT_NE(state.nacked, "");
  EXPECT_EQ(state.error, "cluster a: no such thing") << "nobody has mended it";
  EXPECT_EQ(next(), "EDS b=2");
  snapshot(SnapshotBuilder().clusters({"a=good", "b=2"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS a=good");
  ack(XdsType::kCluster);
  EXPECT_EQ(session_.sync_state(XdsType::kCluster).nacked, "");
}

TEST_F(AdsDeltaTest, ARejectionThatNamesNothingIsOfAllUntilOneIsTaken) {
  connect();
  snapshot(SnapshotBuilder().clusters({"a=bad", "b=bad"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS a=bad b=bad");
  nack(XdsType::kCluster, "?");
  snapshot(SnapshotBuilder().clusters({"a=good", "b=bad"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS a=good");
  EXPECT_NE(session_.sync_state(XdsType::kCluster).nacked, "");
  ack(XdsType::kCluster);
  EXPECT_EQ(session_.sync_state(XdsType::kCluster).nacked, "");
}

TEST_F(AdsDeltaTest, ARejectionIsForgottenWithWhatWasRejected) {
  connect();
  snapshot(mesh("r=bad"));
  EXPECT_EQ(next(), "RDS r=bad");
  nack(XdsType::kRoute, "r is bad");
  unsubscribe(XdsType::kRoute, {"r"});
  EXPECT_EQ(session_.sync_state(XdsType::kRoute).nacked, "");
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}));
  EXPECT_EQ(next(), "CDS -a") << "nothing names it any more";
}

// --- order ---

TEST_F(AdsDeltaTest, NewClusterHasItsEndpointsBeforeRoutesNameItAndOldOneLeavesLast) {
  connect();
  snapshot(SnapshotBuilder().clusters({"b", "c"}).listeners({"l"}).routes({"r=c"}));
  EXPECT_EQ(next(), "CDS c");  // a is still named by the proxy's routes
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(session_.holding_back());  // the routes, until c is warm
  subscribe(XdsType::kEndpoint, {"c"});
  EXPECT_EQ(next(), "EDS c");
  EXPECT_EQ(next(), "RDS r=c");
  ack(XdsType::kEndpoint);
  ack(XdsType::kCluster);
  EXPECT_EQ(next(), "");
  ack(XdsType::kRoute);
  EXPECT_EQ(next(), "CDS -a");
  EXPECT_EQ(next(), "EDS -a");
}

TEST_F(AdsDeltaTest, OldClusterStaysWhileTheProxyRejectsTheNewRoutes) {
  connect();
  ack(XdsType::kRoute);
  subscribe(XdsType::kRoute, {"s"});
  EXPECT_EQ(next(), "RDS -s");
  ack(XdsType::kRoute);
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r=bad", "s"}));
  EXPECT_EQ(next(), "RDS r=bad s");
  nack(XdsType::kRoute, "route table r: no such thing");
  EXPECT_EQ(next(), "");
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r=bad", "s=2"}));
  EXPECT_EQ(next(), "RDS s=2");
  ack(XdsType::kRoute);
  EXPECT_EQ(next(), "") << "the old r, which names a, is still in use";
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r=good", "s=2"}));
  EXPECT_EQ(next(), "RDS r=good");
  ack(XdsType::kRoute);
  EXPECT_EQ(next(), "CDS -a");
}

TEST_F(AdsDeltaTest, ARouteTableLeavesAfterItsListener) {
  connect();
  snapshot(SnapshotBuilder().clusters({"a", "b"}));
  EXPECT_EQ(next(), "LDS -l");
  EXPECT_EQ(next(), "");
  ack(XdsType::kListener);
  EXPECT_EQ(next(), "RDS -r");
}

TEST_F(AdsDeltaTest, AClusterThatComesBackBeforeItLeftIsNoNews) {
  connect();
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r=2"}));
  EXPECT_EQ(next(), "RDS r=2");
  snapshot(mesh("r=2"));
  ack(XdsType::kRoute);
  EXPECT_EQ(next(), "");
}

TEST_F(AdsDeltaTest, SecretsAreFollowedByNameAndRenewed) {
  snapshot(SnapshotBuilder());
  subscribe(XdsType::kSecret, {"default", "ROOTCA"});
  const auto secrets = [](const std::string& own) {
    auto group = std::make_shared<istio::ResourceGroup>();
    group->resources.put(test::resource_of(own));
    group->resources.put(test::resource_of("ROOTCA"));
    group->seal();
    return group;
  };
  session_.set_secrets(secrets("default"));
  EXPECT_EQ(next(), "SDS ROOTCA default");
  ack(XdsType::kSecret);
  session_.set_secrets(secrets("default=2"));
  EXPECT_EQ(next(), "SDS default=2");
}

// --- limits ---

Names many(size_t count, const std::string& prefix) {
  Names names;
  names.reserve(count);
  for (size_t i = 0; i < count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

TEST_F(AdsDeltaTest, SubscriptionsDoNotGrowForEver) {
  snapshot(SnapshotBuilder());
  constexpr size_t kHalf =
      AdsChannel::kMaxNames / 4;  // each counts twice while it is told that there is none
  EXPECT_EQ(subscribe(XdsType::kEndpoint, many(kHalf, "a")), Outcome::kSubscribed);
  EXPECT_EQ(subscribe(XdsType::kEndpoint, many(kHalf, "b")), Outcome::kSubscribed);
  EXPECT_EQ(subscribe(XdsType::kEndpoint, many(kHalf, "c")), Outcome::kTooMuch);
  EXPECT_EQ(unsubscribe(XdsType::kRoute, many(AdsChannel::kMaxNames + 1, "c")), Outcome::kTooMuch);
}

}  // namespace
}  // namespace remora::xds
