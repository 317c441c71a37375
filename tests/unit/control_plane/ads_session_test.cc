// Envoy's protocol rules, and the order in which a change reaches a proxy.
#include "control_plane/ads_session.h"

#include <gtest/gtest.h>

#include "unit/control_plane/snapshot_builder.h"

namespace remora::xds {
namespace {

using istio::Snapshot;
using istio::XdsType;
using test::SnapshotBuilder;
using Names = std::vector<std::string>;
using Outcome = AdsSession::Outcome;

/// A proxy on the other end, which answers as told.
class AdsSessionTest : public ::testing::Test {
 protected:
  void snapshot(SnapshotBuilder builder) { session_.set_snapshot(builder.build()); }

  Outcome subscribe(XdsType type, const Names& names = {}) {
    return session_.on_request({type, nonce(type), std::make_shared<const Names>(names), {}});
  }
  Outcome ack(XdsType type, const Names& names = {}) { return subscribe(type, names); }
  Outcome nack(XdsType type, const Names& names = {}, const std::string& why = "bad") {
    return session_.on_request({type, nonce(type), std::make_shared<const Names>(names), why});
  }

  /// The next response's resources, as "TYPE a b=content"; "" if nothing is due.
  std::string next() {
    const auto delivery = session_.next();
    if (!delivery) return "";
    nonces_[delivery->type] = delivery->nonce;
    std::string text(istio::short_name(delivery->type));
    for (const auto& resource : delivery->resources) text += ' ' + resource->any;
    return text;
  }

  std::string nonce(XdsType type) { return nonces_[type]; }

  /// A proxy that has taken all of: clusters a, b with endpoints, listener l, route table r.
  void connect() {
    snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r"}));
    subscribe(XdsType::kCluster);
    EXPECT_EQ(next(), "CDS a b");
    subscribe(XdsType::kEndpoint, {"a", "b"});
    ack(XdsType::kCluster);
    EXPECT_EQ(next(), "EDS a b");
    ack(XdsType::kEndpoint, {"a", "b"});
    subscribe(XdsType::kListener);
    EXPECT_EQ(next(), "LDS l");
    ack(XdsType::kListener);
    subscribe(XdsType::kRoute, {"r"});
    EXPECT_EQ(next(), "RDS r");
    ack(XdsType::kRoute, {"r"});
    EXPECT_EQ(next(), "");
  }

  AdsSession session_;
  std::map<XdsType, std::string> nonces_;
};

TEST_F(AdsSessionTest, SendsNothingUnasked) {
  snapshot(SnapshotBuilder().clusters({"a"}));
  EXPECT_EQ(next(), "");
}

TEST_F(AdsSessionTest, BringsUpAProxyInOrderAndThenIsQuiet) { connect(); }

TEST_F(AdsSessionTest, ConsecutiveResponsesHaveTheirOwnNonces) {
  snapshot(SnapshotBuilder().clusters({"a"}));
  subscribe(XdsType::kCluster);
  next();
  const std::string first = nonce(XdsType::kCluster);
  EXPECT_EQ(ack(XdsType::kCluster), Outcome::kAck);
  snapshot(SnapshotBuilder().clusters({"a=2"}));
  next();
  EXPECT_NE(nonce(XdsType::kCluster), first);
}

TEST_F(AdsSessionTest, IgnoresAnswersToOldResponses) {
  snapshot(SnapshotBuilder().clusters({"a"}));
  subscribe(XdsType::kCluster);
  next();
  EXPECT_EQ(session_.on_request({XdsType::kCluster, "0", {}, "late"}), Outcome::kStale);
  EXPECT_TRUE(session_.sync_state(XdsType::kCluster).waiting);
  EXPECT_EQ(session_.sync_state(XdsType::kCluster).error, "");
}

TEST_F(AdsSessionTest, WaitsForTheAnswerBeforeTheNextOfAType) {
  snapshot(SnapshotBuilder().clusters({"a"}));
  subscribe(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS a");
  snapshot(SnapshotBuilder().clusters({"a=2"}));
  snapshot(SnapshotBuilder().clusters({"a=3"}));
  EXPECT_EQ(next(), "");
  ack(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS a=3");
}

TEST_F(AdsSessionTest, PushesOnlyWhatChanged) {
  connect();
  snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r=2"}));
  EXPECT_EQ(next(), "RDS r=2");
  EXPECT_EQ(next(), "");
}

TEST_F(AdsSessionTest, SendsOnlyTheEndpointsThatChanged) {
  connect();
  SnapshotBuilder builder;
  builder.static_cluster("a").static_cluster("b").endpoints({"a", "b=2"}).listeners({"l"}).routes({"r"});
  snapshot(builder);
  EXPECT_EQ(next(), "EDS b=2");
  EXPECT_EQ(next(), "");
}

/// A mesh of which only endpoints change, as Mesh::take_endpoints tells it.
class AdsEndpointsTest : public AdsSessionTest {
 protected:
  AdsEndpointsTest() {
    connect();
    present_ = session_.snapshot();
  }
  /// The present snapshot with other endpoints. `told`: the session gets it.
  void change(const Names& names, bool told = true) {
    auto group = std::make_shared<istio::ResourceGroup>(present_->group(XdsType::kEndpoint));
    for (const std::string& text : names) group->resources.put(test::resource_of(text));
    group->seal();
    auto snapshot = std::make_shared<Snapshot>(*present_);
    snapshot->set_group(XdsType::kEndpoint, group);
    present_ = snapshot;
    if (told) session_.set_snapshot(snapshot);
  }

  std::shared_ptr<const Snapshot> present_;
};

TEST_F(AdsEndpointsTest, SendsWhatAChangeNames) {
  change({"b=2"});
  EXPECT_EQ(next(), "EDS b=2");
  EXPECT_EQ(next(), "");
}

TEST_F(AdsEndpointsTest, ChangesWhileAnAnswerIsWaitedForAreSentTogetherAndOnce) {
  change({"a=2"});
  EXPECT_EQ(next(), "EDS a=2");
  change({"a=3"});
  change({"b=2"});
  change({"a=4"});
  EXPECT_EQ(next(), "");
  ack(XdsType::kEndpoint, {"a", "b"});
  EXPECT_EQ(next(), "EDS a=4 b=2");
}

TEST_F(AdsEndpointsTest, WhatIsAsItWasSentIsNotSent) {
  change({"a=2"});
  EXPECT_EQ(next(), "EDS a=2");
  change({"b=2"});
  change({"b"});
  ack(XdsType::kEndpoint, {"a", "b"});
  EXPECT_EQ(next(), "");
}

TEST_F(AdsEndpointsTest, AStepThatWasMissedIsFoundAllTheSame) {
  change({"a=2"}, false);
  change({"b=2"});
  EXPECT_EQ(next(), "EDS a=2 b=2");
}

TEST_F(AdsEndpointsTest, NamesThatTheProxyDoesNotFollowAreLeftOut) {
  ack(XdsType::kEndpoint, {"a"});
  change({"a=2", "b=2"});
  EXPECT_EQ(next(), "EDS a=2");
  ack(XdsType::kEndpoint, {"a", "b"});
  EXPECT_EQ(next(), "EDS b=2");
}

TEST_F(AdsSessionTest, DoesNotRepeatARejectedVersionUntilItChanges) {
  connect();
  snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r=bad"}));
  EXPECT_EQ(next(), "RDS r=bad");
  EXPECT_EQ(nack(XdsType::kRoute, {"r"}, "no such thing"), Outcome::kNack);
  EXPECT_EQ(next(), "");
  const SyncState state = session_.sync_state(XdsType::kRoute);
  EXPECT_EQ(state.nacked, state.sent);
  EXPECT_NE(state.acked, state.sent);
  EXPECT_EQ(state.error, "no such thing");
  snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r=bad"}));
  EXPECT_EQ(next(), "");
  snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r=good"}));
  EXPECT_EQ(next(), "RDS r=good");
  ack(XdsType::kRoute, {"r"});
  EXPECT_EQ(session_.sync_state(XdsType::kRoute).nacked, "");
}

TEST_F(AdsSessionTest, ResendsEndpointsOfAClusterThatChanged) {
  connect();
  SnapshotBuilder builder;
  builder.static_cluster("a=2").static_cluster("b").endpoints({"a", "b"}).listeners({"l"}).routes({"r"});
  snapshot(builder);
  EXPECT_EQ(next(), "CDS a=2 b");
  EXPECT_EQ(next(), "EDS a");
}

TEST_F(AdsSessionTest, NewClusterHasItsEndpointsBeforeRoutesNameItAndOldOneLeavesLast) {
  connect();
  snapshot(SnapshotBuilder().clusters({"b", "c"}).listeners({"l"}).routes({"r=c"}));
  EXPECT_EQ(next(), "CDS a b c");  // a is still named by the proxy's routes
  ack(XdsType::kCluster);
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(session_.holding_back());  // the routes, until c is warm
  subscribe(XdsType::kEndpoint, {"a", "b", "c"});
  EXPECT_EQ(next(), "EDS c");
  EXPECT_EQ(next(), "RDS r=c");
  ack(XdsType::kEndpoint, {"a", "b", "c"});
  EXPECT_EQ(next(), "");
  ack(XdsType::kRoute, {"r"});
  EXPECT_EQ(next(), "CDS b c");
}

TEST_F(AdsSessionTest, OldClusterStaysWhileTheProxyRejectsTheNewRoutes) {
  connect();
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r=bad"}));
  EXPECT_EQ(next(), "RDS r=bad");
  nack(XdsType::kRoute, {"r"});
  EXPECT_EQ(next(), "");
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r=good"}));
  EXPECT_EQ(next(), "RDS r=good");
  ack(XdsType::kRoute, {"r"});
  EXPECT_EQ(next(), "CDS b");
}

TEST_F(AdsSessionTest, ARejectedTableThatIsGoneHoldsNothingUp) {
  connect();
  ack(XdsType::kRoute, {"r", "s"});
  snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r", "s=bad"}));
  EXPECT_EQ(next(), "RDS s=bad");
  nack(XdsType::kRoute, {"r", "s"}, "s is bad");
  snapshot(SnapshotBuilder().clusters({"b"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS b");
}

TEST_F(AdsSessionTest, RoutesWaitForClustersThatCannotBeSentYet) {
  connect();
  snapshot(SnapshotBuilder().clusters({"a=2", "b"}).listeners({"l"}).routes({"r"}));
  EXPECT_EQ(next(), "CDS a=2 b");
  // While that one is unanswered, another change brings a new cluster and a route to it.
  snapshot(SnapshotBuilder().clusters({"a=2", "b", "c"}).listeners({"l"}).routes({"r=c"}));
  EXPECT_EQ(next(), "EDS a=2");
  EXPECT_EQ(next(), "");
  ack(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS a=2 b c");
}

TEST_F(AdsSessionTest, DoesNotWaitForEverForAProxyThatAsksForNoEndpoints) {
  snapshot(SnapshotBuilder().clusters({"a"}).routes({"r"}));
  subscribe(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS a");
  subscribe(XdsType::kRoute, {"r"});
  EXPECT_EQ(next(), "");
  EXPECT_TRUE(session_.holding_back());
  session_.stop_waiting();
  EXPECT_EQ(next(), "RDS r");
}

TEST_F(AdsSessionTest, AnswersNewNamesEvenIfTheyWereSentBefore) {
  connect();
  ack(XdsType::kEndpoint, {"b"});
  EXPECT_EQ(next(), "");
  ack(XdsType::kEndpoint, {"a", "b"});
  EXPECT_EQ(next(), "EDS a");
}

TEST_F(AdsSessionTest, SaysNothingAboutNamesThatDoNotExistUntilTheyDo) {
  connect();
  ack(XdsType::kRoute, {"r", "s"});
  EXPECT_EQ(next(), "");
  snapshot(SnapshotBuilder().clusters({"a", "b"}).listeners({"l"}).routes({"r", "s"}));
  EXPECT_EQ(next(), "RDS s");
}

TEST_F(AdsSessionTest, NamedClustersAreAllThatIsSent) {
  snapshot(SnapshotBuilder().clusters({"a", "b"}));
  subscribe(XdsType::kCluster, {"b", "missing"});
  EXPECT_EQ(next(), "CDS b");
  ack(XdsType::kCluster, {"b", "missing"});
  snapshot(SnapshotBuilder().clusters({"a=2", "b"}));
  EXPECT_EQ(next(), "");
}

TEST_F(AdsSessionTest, WildcardMayBeNamedAndIsLostWithNames) {
  snapshot(SnapshotBuilder().clusters({"a", "b"}));
  subscribe(XdsType::kCluster, {"*", "b"});
  EXPECT_EQ(next(), "CDS a b");
  ack(XdsType::kCluster, {"b"});
  EXPECT_EQ(next(), "CDS b");
}

TEST_F(AdsSessionTest, AnswersAnEmptyMesh) {
  snapshot(SnapshotBuilder());
  subscribe(XdsType::kCluster);
  EXPECT_EQ(next(), "CDS");
  subscribe(XdsType::kListener);
  EXPECT_EQ(next(), "LDS");
}

}  // namespace
}  // namespace remora::xds
