// What ends a pool's connections, and what makes them before they are needed.

#include "unit/proxy/pool_harness.h"
#include "upstream/downstream_pools.h"

namespace remora::test {
namespace {

class PoolEndTest : public PoolTest {
 protected:
  HostState& state() { return pool()->host()->host().state(); }
  void fail(bool failed = true) {
    state().set_ejected(failed);
    set_host();
    turns();
  }
  /// One connection that rests and one that is busy with `wishes_[1]`.
  void one_rests_one_is_busy() {
    speaks_http2_ = false;
    begin(UpstreamProtocol::kHttp1);
    ask();
    ask();
    turns();
    ASSERT_EQ(peers_.size(), 2u);
    peers_[0]->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    turns();
    EXPECT_EQ(stat(kUpstreamCxActive), 2u);
  }
};

struct Bound final : HealthBound {
  void on_host_failed() override { ++failed; }
  int failed = 0;
};

TEST_F(PoolEndTest, AFailedHostKeepsOnlyWhatIsBusy) {
  one_rests_one_is_busy();
  fail();
  EXPECT_TRUE(peers_[0]->ended);
  EXPECT_FALSE(peers_[1]->ended);
  ask();  // does not get the busy one, nor waits for it
  turns();
  EXPECT_EQ(peers_.size(), 3u);
  peers_[1]->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  turns();
  EXPECT_EQ(wishes_[1]->answer.log, "head(200) end ");
  EXPECT_TRUE(peers_[1]->ended);
  EXPECT_FALSE(peers_[2]->ended) << "it was made after the failure";
}

TEST_F(PoolEndTest, OnlyFailingCountsNotHavingFailed) {
  begin();
  fail();
  ask();
  turns();
  ASSERT_EQ(peers_.size(), 1u);
  peers_[0]->answer(0);
  fail();  // as it was
  fail(false);
  EXPECT_FALSE(peers_[0]->ended);
  fail();
  EXPECT_TRUE(peers_[0]->ended);
}

TEST_F(PoolEndTest, WhatDiscoverySaysOfHealthEndsNothing) {
  one_rests_one_is_busy();
  endpoint_.health = EndpointHealth::kUnhealthy;
  set_host();
  turns();
  EXPECT_EQ(stat(kUpstreamCxActive), 2u);
}

TEST_F(PoolEndTest, RawConnectionsHearOfItWhereTheClusterSaysSo) {
  config_.close_on_health_failure = true;
  begin();
  Bound bound, gone;
  cluster_->bind_to_health(*pool()->host(), bound);
  {
    Bound left;
    cluster_->bind_to_health(*pool()->host(), left);
  }
  fail();
  EXPECT_EQ(bound.failed, 1);
  fail(false);
  fail();
  EXPECT_EQ(bound.failed, 1) << "it is in no list any more";
}

TEST_F(PoolEndTest, RawConnectionsDoNotHearOfItOtherwise) {
  begin();
  Bound bound;
  cluster_->bind_to_health(*pool()->host(), bound);
  fail();
  EXPECT_EQ(bound.failed, 0);
}

TEST_F(PoolEndTest, AChangedSetEndsWhatRests) {
  config_.close_on_host_set_change = true;
  one_rests_one_is_busy();
  set_host();
  turns();
  EXPECT_TRUE(peers_[0]->ended);
  EXPECT_FALSE(peers_[1]->ended);
}

TEST_F(PoolEndTest, WhoWaitsGetsTheConnectionThatIsUnderWay) {
  config_.close_on_host_set_change = true;
  begin();
  ask();
  set_host();  // before anything could be connected
  turns();
  ASSERT_EQ(peers_.size(), 1u);
  EXPECT_EQ(peers_[0]->requests.size(), 1u);
}

// ---------------------------------------------------------------------------------------------- one client

TEST_F(PoolEndTest, OneClientOnePool) {
  config_.pool_per_downstream = true;
  begin();
  DownstreamPools first, second;
  const auto of_first = cluster_->pick({.own_pools = &first});
  const auto of_second = cluster_->pick({.own_pools = &second});
  EXPECT_NE(of_first.get(), of_second.get());
  EXPECT_EQ(cluster_->pick({.own_pools = &first}).get(), of_first.get());
  EXPECT_NE(cluster_->pick({}).get(), of_first.get()) << "who has no connection of his own shares";
}

TEST_F(PoolEndTest, ItEndsWithTheClient) {
  config_.pool_per_downstream = true;
  begin();
  {
    DownstreamPools own;
    ask(*cluster_->pick({.own_pools = &own}));
    turns();
    ASSERT_EQ(peers_.size(), 1u);
    peers_[0]->answer(0);
    turns();
    EXPECT_FALSE(peers_[0]->ended);
  }
  turns();
  EXPECT_TRUE(peers_[0]->ended);
}

TEST_F(PoolEndTest, ItFollowsItsHost) {
  config_.pool_per_downstream = true;
  begin();
  DownstreamPools own;
  const auto before = cluster_->pick({.own_pools = &own});
  ask(*before);
  turns();
  peers_[0]->answer(0);
  fail();
  EXPECT_TRUE(peers_[0]->ended);
  EXPECT_EQ(cluster_->pick({.own_pools = &own}).get(), before.get());
  cluster_->set_hosts(std::make_shared<const HostSet>(HostList(), LoadRules{}, nullptr));
  EXPECT_TRUE(before->retired());
  set_host();
  EXPECT_NE(cluster_->pick({.own_pools = &own}).get(), before.get());
}

// ---------------------------------------------------------------------------------------------- ahead

TEST_F(PoolEndTest, ConnectionsAheadOfNeed) {
  config_.preconnect = Preconnect{.per_upstream_ratio = 2.0};
  speaks_http2_ = false;
  begin(UpstreamProtocol::kHttp1);
  ask();
  turns();
  EXPECT_EQ(peers_.size(), 2u);
  ask();
  turns();
  EXPECT_EQ(peers_.size(), 4u);
  EXPECT_EQ(stat(kUpstreamRqPendingTotal), 1u);
}

TEST_F(PoolEndTest, WhatRestsCounts) {
  config_.preconnect = Preconnect{.per_upstream_ratio = 3.0};
  speaks_http2_ = false;
  begin(UpstreamProtocol::kHttp1);
  for (size_t i = 0; i < 5; ++i) {
    ask();
    turns();
    for (auto& peer : peers_) {
      if (!peer->received.empty()) peer->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      peer->received.clear();
    }
    turns();
    EXPECT_EQ(wishes_[i]->answer.log, "head(200) end ");
  }
  EXPECT_EQ(stat(kUpstreamCxTotal), 3u);
}

TEST_F(PoolEndTest, OneConnectionOfManyStreamsIsEnough) {
  config_.preconnect = Preconnect{.per_upstream_ratio = 3.0};
  peer_streams_ = 4;
  begin();
  ask();
  turns();
  EXPECT_EQ(peers_.size(), 1u);
  ask();
  turns();
  EXPECT_EQ(peers_.size(), 2u) << "the host takes 4 on one, and 6 are provided for";
}

TEST_F(PoolEndTest, AHostThatIsNotWellGetsNoMoreThanItNeeds) {
  config_.preconnect = Preconnect{.per_upstream_ratio = 3.0};
  endpoint_.health = EndpointHealth::kDegraded;
  speaks_http2_ = false;
  begin(UpstreamProtocol::kHttp1);
  ask();
  turns();
  EXPECT_EQ(peers_.size(), 1u);
}

TEST_F(PoolEndTest, ARequestThatMayComeDoesNotOpenABreaker) {
  config_.default_priority.max_connections = 0;
  begin();
  EXPECT_FALSE(pool()->connect_for_next(3.0));
  ask();  // who waits gets one all the same
  turns();
  EXPECT_EQ(peers_.size(), 1u);
}

TEST_F(PoolEndTest, WhatHasEndedIsNotCounted) {
  config_.preconnect = Preconnect{.per_upstream_ratio = 2.0};
  speaks_http2_ = false;
  begin(UpstreamProtocol::kHttp1);
  ask();
  turns();
  ASSERT_EQ(peers_.size(), 2u);
  for (auto& peer : peers_) peer->close();
  turns();
  EXPECT_EQ(stat(kUpstreamCxActive), 0u);
  ask();
  turns();
  EXPECT_EQ(peers_.size(), 4u);
}

}  // namespace
}  // namespace remora::test
