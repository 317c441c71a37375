#include "upstream/forward_table.h"

#include <gtest/gtest.h>

#include "net/reactor.h"
#include "remora/core/stats.h"
#include "remora/http/header_map.h"
#include "stats/cluster_stats.h"
#include "unit/support/allocation_counter.h"
#include "upstream/load_balancer.h"

namespace remora {
namespace {

using namespace std::chrono_literals;  // NOLINT

class ForwardTableTest : public testing::Test {
 protected:
  std::shared_ptr<CachedName> add(const std::string& text, const char* address) {
    auto name = std::make_shared<CachedName>(text, reactor_.clock().now() - 1h);
    name->set_addresses({*Address::ip(address, name->port())});
    cache_->add(name);
    return name;
  }
  std::string pick(const std::string& authority) { return pick(*table_, authority); }
  static std::string pick(ForwardTable& table, const std::string& authority) {
    HeaderMap request;
    request.add(HeaderId::kAuthority, authority);
    LbContext context;
    context.request = &request;
    const Host* host = table.pick(context);
    if (host == nullptr) return "nobody";
    EXPECT_EQ(table.last_picked().get(), host);
    return host->endpoint().address_text;
  }
  std::unique_ptr<ForwardTable> make(size_t shard) {
    return std::make_unique<ForwardTable>(
        config_, DestinationTable::Parts{
                     reactor_, shard, scope_->block(shard), hosts_, [this](const HostState&) { ++dropped_; },
                     [this](const std::shared_ptr<const Host>& host) { renewed_ = host; }});
  }
  void turn_until_left(size_t left) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (hosts_->size() > left && std::chrono::steady_clock::now() < deadline) reactor_.turn(10);
    EXPECT_EQ(hosts_->size(), left);
  }

  StatsStore stats_{3};
  Reactor reactor_;
  std::shared_ptr<DnsCache> cache_ = *DnsCache::share(stats_, {.name = "names"});
  DynamicForward config_{cache_, "up", 80};
  std::shared_ptr<StatScope> scope_ = stats_.make_scope(cluster_stat_schema(), cluster_scope_name("up"));
  std::shared_ptr<DestinationHosts> hosts_ = std::make_shared<DestinationHosts>("up", 3);
  int dropped_ = 0;
  std::shared_ptr<const Host> renewed_;
  std::unique_ptr<ForwardTable> table_ = make(1);
};

TEST_F(ForwardTableTest, EachNameIsAHostOfItsOwn) {
  add("a.test:80", "10.0.0.1");
  add("a.test:81", "10.0.0.1");
  EXPECT_EQ(pick("a.test"), "10.0.0.1:80");
  EXPECT_EQ(pick("A.test:80"), "10.0.0.1:80");
  EXPECT_EQ(pick("a.test:81"), "10.0.0.1:81");
  EXPECT_EQ(hosts_->size(), 2u);
  EXPECT_EQ(scope_->value(kMembershipChange), 2u);
  EXPECT_EQ(table_->last_picked()->endpoint().hostname, "a.test:81");
}

TEST_F(ForwardTableTest, WhatIsNotResolvedGoesNowhere) {
  cache_->add(std::make_shared<CachedName>("b.test:80", MonotonicTime()));
  EXPECT_EQ(pick("a.test"), "nobody");
  EXPECT_EQ(pick("b.test"), "nobody");
  EXPECT_EQ(pick(""), "nobody");
  EXPECT_EQ(pick("a.test:x"), "nobody");
  EXPECT_EQ(table_->pick({}), nullptr);
  EXPECT_EQ(hosts_->size(), 0u);
}

TEST_F(ForwardTableTest, AnotherAddressIsTheSameMember) {
  const auto name = add("a.test:80", "10.0.0.1");
  pick("a.test");
  const auto before = table_->last_picked();
  name->set_addresses({*Address::ip("10.0.0.2", 80), *Address::ip("10.0.0.3", 80)});
  EXPECT_EQ(pick("a.test"), "10.0.0.2:80");
  EXPECT_EQ(renewed_, table_->last_picked());
  EXPECT_EQ(&renewed_->state(), &before->state());
  EXPECT_EQ(renewed_->endpoint().additional_addresses.list().size(), 1u);
  EXPECT_EQ(scope_->value(kMembershipChange), 1u);
  ASSERT_EQ(hosts_->list().size(), 1u);
  EXPECT_EQ(hosts_->list()[0], renewed_);
}

TEST_F(ForwardTableTest, WorkersShareAHost) {
  const auto other = make(2);
  const auto name = add("a.test:80", "10.0.0.1");
  pick("a.test");
  name->set_addresses({*Address::ip("10.0.0.2", 80)});
  EXPECT_EQ(pick(*other, "a.test"), "10.0.0.2:80") << "who comes later learns of it as well";
  EXPECT_EQ(hosts_->size(), 1u);
  EXPECT_EQ(pick("a.test"), "10.0.0.2:80");
  EXPECT_EQ(table_->last_picked(), other->last_picked());
  table_->clear();
  EXPECT_EQ(hosts_->size(), 1u);
  other->clear();
  EXPECT_EQ(hosts_->size(), 0u);
  EXPECT_EQ(scope_->value(kMembershipChange), 2u);
}

TEST_F(ForwardTableTest, AHostGoesWithItsName) {
  const auto gone = add("a.test:80", "10.0.0.1");
  add("b.test:80", "10.0.0.2");
  pick("a.test");
  pick("b.test");
  cache_->remove(*gone);
  EXPECT_EQ(pick("a.test"), "nobody");
  turn_until_left(1);
  EXPECT_EQ(dropped_, 1);
  EXPECT_EQ(table_->size(), 1u);
  add("a.test:80", "10.0.0.9");
  EXPECT_EQ(pick("a.test"), "10.0.0.9:80") << "and may come back";
}

TEST_F(ForwardTableTest, UseIsNotedAndCostsNothing) {
  const auto name = add("a.test:80", "10.0.0.1");
  HeaderMap request;
  request.add(HeaderId::kAuthority, "a.test");
  LbContext context;
  context.request = &request;
  table_->pick(context);
  EXPECT_EQ(name->last_used(), reactor_.clock().now());
  const auto before = test::allocations();
  for (int i = 0; i < 100; ++i) table_->pick(context);
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
