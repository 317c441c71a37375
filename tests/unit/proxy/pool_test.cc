#include "upstream/pool.h"

#include "unit/proxy/pool_harness.h"
#include "upstream/requested_host.h"

namespace remora::test {
namespace {

// ---------------------------------------------------------------------------------------------- many streams

TEST_F(PoolTest, WaitingRequestsShareTheConnectionThatIsUnderWay) {
  begin();
  for (int i = 0; i < 10; ++i) ask();
  turns();
  ASSERT_EQ(peers_.size(), 1u);
  EXPECT_EQ(peers_[0]->requests.size(), 10u);
  EXPECT_EQ(stat(kUpstreamCxHttp2Total), 1u);
  EXPECT_EQ(stat(kUpstreamRqPendingTotal), 10u);
  EXPECT_EQ(stat(kUpstreamRqActive), 10u);
  for (size_t i = 0; i < 10; ++i) peers_[0]->answer(i);
  turns();
  EXPECT_EQ(wishes_[9]->answer.log, "head(200) end ");
  EXPECT_EQ(stat(kUpstreamRqActive), 0u);
  EXPECT_EQ(stat(kUpstreamCxActive), 1u);
}

TEST_F(PoolTest, AsManyConnectionsAsOurLimitAsksFor) {
  config_.http2.edit().max_concurrent_streams = 4;
  begin();
  for (int i = 0; i < 9; ++i) ask();
  turns();
  ASSERT_EQ(peers_.size(), 3u);
  EXPECT_EQ(peers_[0]->requests.size() + peers_[1]->requests.size() + peers_[2]->requests.size(), 9u);
}

TEST_F(PoolTest, WhatTheHostAllowsIsRememberedForTheNextConnection) {
  peer_streams_ = 2;
  begin();
  ask();
  turns();
  for (int i = 0; i < 4; ++i) ask();
  turns();
  ASSERT_EQ(peers_.size(), 3u);
  EXPECT_EQ(peers_[0]->requests.size(), 2u);
  EXPECT_EQ(peers_[1]->requests.size(), 2u);
}

TEST_F(PoolTest, AStreamsEndServesWhoWaits) {
  config_.default_priority.max_connections = 1;
  peer_streams_ = 1;
  begin();
  ask();
  turns();
  ask();
  turns();
  ASSERT_EQ(peers_.size(), 1u);
  EXPECT_TRUE(wishes_[1]->waiting());
  peers_[0]->answer(0);
  turns();
  EXPECT_EQ(peers_[0]->requests.size(), 2u);
}

TEST_F(PoolTest, BreakersGetEveryPlaceBack) {
  config_.default_priority.max_requests = 3;
  config_.high_priority.edit().max_requests = 2;
  begin();
  for (int i = 0; i < 4; ++i) ask();
  for (int i = 0; i < 3; ++i) ask(true);
  turns();
  ASSERT_EQ(peers_.size(), 1u);
  EXPECT_EQ(peers_[0]->requests.size(), 5u);
  EXPECT_EQ(wishes_[3]->failure, Failure::kOverflow);
  EXPECT_EQ(wishes_[6]->failure, Failure::kOverflow);
  auto& breakers = cluster_->breakers();
  EXPECT_EQ(breakers.in_use(Resource::kRequests, true), 2u);
  wishes_[4]->sink->reset(Failure::kLocalReset);
  turns();
  EXPECT_EQ(breakers.in_use(Resource::kRequests, true), 1u);
  EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 3u);
  peers_[0]->close();
  turns();
  EXPECT_EQ(breakers.in_use(Resource::kRequests, true) + breakers.in_use(Resource::kRequests, false), 0u);
  EXPECT_EQ(breakers.in_use(Resource::kConnections, false), 0u);
  EXPECT_EQ(wishes_[0]->answer.last_failure, Failure::kConnectionTermination);
}

TEST_F(PoolTest, ASpentConnectionTakesNoMore) {
  config_.max_requests_per_connection = 2;
  begin();
  for (int i = 0; i < 3; ++i) ask();
  turns();
  ASSERT_EQ(peers_.size(), 2u);
  EXPECT_EQ(peers_[0]->requests.size(), 2u);
  EXPECT_EQ(stat(kUpstreamCxMaxRequests), 1u);
  ends_behind_its_last_answer(*peers_[0]);
}

// ---------------------------------------------------------------------------------------------- leaving

TEST_F(PoolTest, ARefusedStreamSendsTheNextOneElsewhere) {
  begin();
  ask();
  ask();
  turns();
  peers_[0]->refuse(1);
  turns();
  EXPECT_EQ(wishes_[1]->answer.last_failure, Failure::kRefusedStream);
  ask();
  turns();
  ASSERT_EQ(peers_.size(), 2u);
  EXPECT_EQ(peers_[1]->requests.size(), 1u);
  // What ends well says that there is room again.
  peers_[0]->answer(0);
  turns();
  EXPECT_EQ(stat(kUpstreamCxActive), 2u);
}

TEST_F(PoolTest, WhoRefusesTheOnlyStreamIsLeft) {
  begin();
  ask();
  turns();
  peers_[0]->refuse(0);
  turns();
  EXPECT_TRUE(peers_[0]->ended);
  EXPECT_EQ(stat(kUpstreamCxActive), 0u);
}

TEST_F(PoolTest, AGoawayIsFollowedByTheEndOnceStreamsAreOver) {
  begin();
  ask();
  turns();
  peers_[0]->codec->start_drain();
  peers_[0]->codec->finish_drain();
  turns();
  EXPECT_EQ(stat(kUpstreamCxCloseNotify), 1u);
  EXPECT_FALSE(peers_[0]->ended);
  ask();
  turns();
  ASSERT_EQ(peers_.size(), 2u);
  peers_[0]->answer(0);
  turns();
  EXPECT_EQ(wishes_[0]->answer.log, "head(200) end ");
  EXPECT_EQ(stat(kUpstreamCxActive), 1u);
}

TEST_F(PoolTest, ARetiredPoolServesWhoWaitedAndCloses) {
  begin();
  const auto left = pool();
  ask(*left);
  turns();
  ask(*left);
  cluster_->retire();
  turns();
  EXPECT_EQ(peers_[0]->requests.size(), 2u);
  ends_behind_its_last_answer(*peers_[0]);
}

TEST_F(PoolTest, AnHttp1ConnectionOfARetiredPoolClosesBehindItsResponse) {
  speaks_http2_ = false;
  begin(UpstreamProtocol::kHttp1);
  ask();
  turns();
  ask();
  turns();
  ASSERT_EQ(peers_.size(), 2u);
  peers_[1]->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  turns();
  cluster_->retire();
  turns();
  EXPECT_TRUE(peers_[1]->ended);
  EXPECT_FALSE(peers_[0]->ended);
  peers_[0]->send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  turns();
  EXPECT_EQ(wishes_[0]->answer.log, "head(200) end ");
  EXPECT_TRUE(peers_[0]->ended);
}

TEST_F(PoolTest, OnlyAConnectionThatRestedMayHaveBeenClosedMeanwhile) {
  begin();
  EXPECT_FALSE(ask().resting);
  turns();
  EXPECT_FALSE(ask().resting);
  turns();
  peers_[0]->answer(0);
  peers_[0]->answer(1);
  turns();
  EXPECT_TRUE(ask().resting);
}

// ---------------------------------------------------------------------------------------------- kinds of
// pools

TEST_F(PoolTest, TheRequestsProtocolGoesOnIfSoConfigured) {
  begin(UpstreamProtocol::kDownstream);
  const auto old = cluster_->pick({.protocol = Protocol::kHttp11});
  const auto now = cluster_->pick({.protocol = Protocol::kHttp2});
  EXPECT_NE(old.get(), now.get());
  EXPECT_EQ(old.get(), cluster_->pick({.protocol = Protocol::kHttp10}).get());
  EXPECT_EQ(now.get(), cluster_->pick({.protocol = Protocol::kHttp2}).get());
  ask(*now);
  speaks_http2_ = true;
  turns();
  EXPECT_EQ(stat(kUpstreamCxHttp2Total), 1u);
  EXPECT_EQ(stat(kUpstreamCxHttp1Total), 0u);
}

TEST_F(PoolTest, WithoutAnAgreementItIsHttp1) {
  speaks_http2_ = false;
  begin(UpstreamProtocol::kAuto);
  ask();
  ask();
  turns();
  // The first connection could have carried both; it turned out to be HTTP/1, so there is a second.
  ASSERT_EQ(peers_.size(), 2u);
  EXPECT_TRUE(peers_[0]->received.starts_with("GET / HTTP/1.1\r\n"));
  EXPECT_EQ(stat(kUpstreamCxHttp1Total), 2u);
  for (int i = 0; i < 3; ++i) ask();
  turns();
  EXPECT_EQ(peers_.size(), 5u);
}

TEST_F(PoolTest, PoolsByNameAreBoundedAndGoWithTheirConnections) {
  config_.auto_sni = true;
  begin();
  HeaderMap head;
  const auto pool_of = [&](const std::string& host) {
    head.set(HeaderId::kAuthority, host);
    return cluster_->pick({.request = &head});
  };
  const auto first = pool_of("a.test:80");
  EXPECT_EQ(first.get(), pool_of("a.test").get());
  EXPECT_NE(first.get(), pool_of("b.test").get());
  ask(*first);
  turns();
  for (size_t i = 0; i < HostPools::kMost; ++i) pool_of("host" + std::to_string(i));
  EXPECT_NE(first.get(), pool_of("a.test").get());
  peers_[0]->answer(0);
  turns();
  EXPECT_TRUE(peers_[0]->ended);  // it was retired

  const auto again = pool_of("c.test");
  ask(*again);
  turns();
  peers_[1]->close();
  turns();
  EXPECT_NE(again.get(), pool_of("c.test").get());
}

TEST(RequestedHost, IsTheAuthorityWithoutItsPort) {
  HeaderMap head;
  const auto of = [&](std::string_view authority) {
    head.set(HeaderId::kAuthority, authority);
    return std::string(requested_host(head, {}));
  };
  EXPECT_EQ(of("a.test"), "a.test");
  EXPECT_EQ(of("a.test:443"), "a.test");
  EXPECT_EQ(of("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(of("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(of(""), "");
  head.add("x-host", "other.test:80");
  EXPECT_EQ(requested_host(head, "x-host"), "other.test");
  EXPECT_EQ(requested_host(head, "x-none"), "");
  EXPECT_TRUE(is_ip_text("10.0.0.1"));
  EXPECT_TRUE(is_ip_text("2001:db8::1"));
  EXPECT_FALSE(is_ip_text("a.test"));
}

}  // namespace
}  // namespace remora::test
