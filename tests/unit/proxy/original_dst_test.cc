#include <string>

#include "connection_origin.h"
#include "unit/proxy/pool_harness.h"
#include "upstream/destination_table.h"

namespace remora::test {
namespace {

class OriginalDstTest : public PoolTest {
 protected:
  OriginalDstTest() {
    config_.discovery = ClusterConfig::Discovery::kOriginalDst;
    config_.original_dst.emplace();
  }
  LocalRef<HostPool> pool_to(const Address& destination) {
    const ConnectionOrigin origin{destination, {}};
    LbContext context;
    context.origin = &origin;
    return cluster_->pick(context);
  }
  LocalRef<HostPool> pool_for(const HeaderMap& request, const Address& destination = {}) {
    const ConnectionOrigin origin{destination, {}};
    LbContext context;
    context.request = &request;
    context.origin = &origin;
    return cluster_->pick(context);
  }
  static std::string host_of(const LocalRef<HostPool>& pool) {
    return pool ? pool->host()->endpoint().address_text : "nobody";
  }
};

Address at(const std::string& host, uint16_t port) { return *Address::ip(host, port); }
Address numbered(size_t number) {
  return at("198.18." + std::to_string(number / 256) + "." + std::to_string(number % 256), 80);
}

TEST_F(OriginalDstTest, EachDestinationIsAHostOfItsOwn) {
  begin();
  const auto one = pool_to(at("10.0.0.1", 80));
  EXPECT_EQ(host_of(one), "10.0.0.1:80");
  EXPECT_EQ(pool_to(at("10.0.0.1", 80)).get(), one.get());
  EXPECT_EQ(host_of(pool_to(at("10.0.0.1", 81))), "10.0.0.1:81");
  EXPECT_EQ(host_of(pool_to(at("fd00::1", 80))), "[fd00::1]:80");
  EXPECT_EQ(destinations_->size(), 3u);
  EXPECT_EQ(stat(kMembershipChange), 3u);
  EXPECT_EQ(one->host()->endpoint().hostname, "up10.0.0.1:80");
}

TEST_F(OriginalDstTest, WhoWasNotRedirectedGoesNowhere) {
  begin();
  EXPECT_EQ(host_of(cluster_->pick({})), "nobody");
  EXPECT_EQ(host_of(pool_to({})), "nobody");
  EXPECT_EQ(destinations_->size(), 0u);
}

TEST_F(OriginalDstTest, AHeaderNamesAnotherDestination) {
  config_.original_dst->header = "x-where";
  begin();
  HeaderMap request;
  EXPECT_EQ(host_of(pool_for(request, at("10.0.0.1", 80))), "10.0.0.1:80");
  request.add("x-where", "10.0.0.2:81");
  EXPECT_EQ(host_of(pool_for(request, at("10.0.0.1", 80))), "10.0.0.2:81");
  EXPECT_EQ(host_of(pool_for(request)), "10.0.0.2:81");
  EXPECT_EQ(stat(kOriginalDstHostInvalid), 0u);
}

TEST_F(OriginalDstTest, AHeaderThatNamesNoAddressIsCountedAndNotFollowed) {
  config_.original_dst->header = "x-where";
  begin();
  uint64_t bad = 0;
  for (const char* value :
       {"", "10.0.0.2", "10.0.0.2:", "10.0.0.2:x", "10.0.0.2:80x", "10.0.0.2:65536", ":80", "a.test:80",
        "fd00::1:80", "[10.0.0.2]:80", "[fd00::1]", "10.0.0.2:80, 1.2.3.4:1"}) {
    HeaderMap request;
    request.add("x-where", value);
    EXPECT_EQ(host_of(pool_for(request)), "nobody") << value;
    EXPECT_EQ(host_of(pool_for(request, at("10.0.0.1", 80))), "10.0.0.1:80") << value;
    EXPECT_EQ(stat(kOriginalDstHostInvalid), bad += 2) << value;
  }
}

TEST_F(OriginalDstTest, ThePortCanBeAnother) {
  config_.original_dst->port = 9000;
  begin();
  EXPECT_EQ(host_of(pool_to(at("10.0.0.1", 80))), "10.0.0.1:9000");
  EXPECT_EQ(host_of(pool_to(at("10.0.0.1", 81))), "10.0.0.1:9000");
  EXPECT_EQ(destinations_->size(), 1u);
}

TEST_F(OriginalDstTest, AScanKeepsTheLatestHosts) {
  begin();
  for (size_t i = 0; i < 100000; ++i) pool_to(numbered(i % 60000));
  EXPECT_EQ(destinations_->size(), OriginalDstTable::kMost);
  EXPECT_EQ(destinations_->list().size(), OriginalDstTable::kMost);
  const auto joined = destinations_->join(numbered(39999));
  EXPECT_FALSE(joined.first) << "the last one is there";
  EXPECT_TRUE(destinations_->join(numbered(38000)).first) << "an older one is not";
}

TEST_F(OriginalDstTest, AScanSparesWhatIsInUse) {
  begin();
  auto& wish = ask(*pool_to(endpoint_.address));
  turns();
  ASSERT_EQ(peers_.size(), 1u);
  for (size_t i = 0; i < 3 * OriginalDstTable::kMost; ++i) pool_to(numbered(i));
  EXPECT_LE(destinations_->size(), OriginalDstTable::kMost + 1);
  EXPECT_FALSE(destinations_->join(endpoint_.address).first);
  peers_[0]->answer(0);
  turns();
  EXPECT_EQ(wish.answer.log.substr(0, 4), "head");
}

TEST_F(OriginalDstTest, AScanTakesIdleConnectionsAlong) {
  begin();
  ask(*pool_to(endpoint_.address));
  turns();
  peers_[0]->answer(0);
  turns();
  EXPECT_FALSE(peers_[0]->ended);
  for (size_t i = 0; i < OriginalDstTable::kMost; ++i) pool_to(numbered(i));
  turns();
  EXPECT_TRUE(peers_[0]->ended);
}

TEST_F(OriginalDstTest, ARestedHostGoesAtTheSecondSweep) {
  config_.original_dst->cleanup_interval = Milliseconds(1);
  begin();
  pool_to(at("10.0.0.1", 80));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (destinations_->size() > 0 && std::chrono::steady_clock::now() < deadline) reactor_.turn(1);
  EXPECT_EQ(destinations_->size(), 0u);
  EXPECT_EQ(stat(kMembershipChange), 2u);
  EXPECT_EQ(host_of(pool_to(at("10.0.0.1", 80))), "10.0.0.1:80") << "and may come back";
}

TEST_F(OriginalDstTest, AClusterThatLeavesTakesItsHostsAlong) {
  begin();
  pool_to(at("10.0.0.1", 80));
  cluster_->retire();
  EXPECT_EQ(destinations_->size(), 0u);
  EXPECT_EQ(host_of(pool_to(at("10.0.0.1", 80))), "10.0.0.1:80") << "a request that began before";
  EXPECT_EQ(destinations_->size(), 0u);
}

TEST_F(OriginalDstTest, ConnectionsInAClientsNameAreForThatClient) {
  begin();
  ConnectionOrigin ann{at("10.0.0.1", 80), {at("10.1.0.1", 0), 1337}};
  ConnectionOrigin ben{at("10.0.0.1", 80), {at("10.1.0.2", 0), 1337}};
  LbContext context;
  context.origin = &ann;
  const auto of_ann = cluster_->pick(context);
  EXPECT_EQ(cluster_->pick(context).get(), of_ann.get());
  context.origin = &ben;
  EXPECT_NE(cluster_->pick(context).get(), of_ann.get());
  EXPECT_NE(pool_to(at("10.0.0.1", 80)).get(), of_ann.get());
  EXPECT_EQ(destinations_->size(), 1u);
}

TEST(DestinationHosts, IsOneForAllWorkersThatHoldIt) {
  DestinationHosts hosts("up", 3);
  const auto first = hosts.join(at("10.0.0.1", 80));
  const auto second = hosts.join(at("10.0.0.1", 80));
  EXPECT_TRUE(first.first);
  EXPECT_FALSE(second.first);
  EXPECT_EQ(first.host, second.host);
  EXPECT_FALSE(hosts.leave(*first.host));
  EXPECT_EQ(hosts.size(), 1u);
  EXPECT_TRUE(hosts.leave(*first.host));
  EXPECT_EQ(hosts.size(), 0u);
}

}  // namespace
}  // namespace remora::test
