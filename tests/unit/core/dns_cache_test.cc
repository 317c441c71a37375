#include "remora/config/dns_cache.h"

#include <gtest/gtest.h>

#include "remora/config/dynamic_forward.h"

namespace remora {
namespace {

using namespace std::chrono_literals;  // NOLINT

std::string forwarded(std::string_view authority, uint16_t port = 80) {
  std::string out = "before";
  return forward_name(authority, port, out) ? out : "nowhere";
}

TEST(ForwardName, IsTheHostAndItsPort) {
  EXPECT_EQ(forwarded("a.test"), "a.test:80");
  EXPECT_EQ(forwarded("a.test", 443), "a.test:443");
  EXPECT_EQ(forwarded("A.Test:8080", 443), "a.test:8080");
  EXPECT_EQ(forwarded("a_b-c.test."), "a_b-c.test.:80");
  EXPECT_EQ(forwarded("10.0.0.1:1"), "10.0.0.1:1");
  EXPECT_EQ(forwarded("[fd00::A]"), "[fd00::a]:80");
  EXPECT_EQ(forwarded("[::1]:65535"), "[::1]:65535");
  EXPECT_EQ(forwarded(std::string(63, 'a') + ".test"), std::string(63, 'a') + ".test:80");
}

TEST(ForwardName, WhatNamesNoHostGoesNowhere) {
  for (const std::string& authority : {std::string(),
                                       std::string("."),
                                       std::string("a..test"),
                                       std::string(".test"),
                                       std::string(":80"),
                                       std::string("a.test:"),
                                       std::string("a.test:0"),
                                       std::string("a.test:65536"),
                                       std::string("a.test:-1"),
                                       std::string("a.test:80x"),
                                       std::string("a.test:80:80"),
                                       std::string("::1"),
                                       std::string("[]"),
                                       std::string("[::1"),
                                       std::string("[::1]80"),
                                       std::string("[::1]:"),
                                       std::string("[a.test]"),
                                       std::string("a b.test"),
                                       std::string("a/b"),
                                       std::string("user@a.test"),
                                       std::string("a.test\0b", 8),
                                       std::string("\xc3\xa4.test"),
                                       std::string(64, 'a') + ".test",
                                       std::string(300, '.')}) {
    EXPECT_EQ(forwarded(authority), "nowhere") << authority;
  }
  std::string longest;
  while (longest.size() < 254) longest += "aa.";
  EXPECT_EQ(forwarded(longest + "test"), "nowhere");
}

class DnsCacheTest : public testing::Test {
 protected:
  std::shared_ptr<CachedName> add(const std::string& text, const char* address) {
    auto name = std::make_shared<CachedName>(text, MonotonicTime(1h));
    if (address != nullptr) name->set_addresses({*Address::ip(address, 80)});
    cache_->add(name);
    return name;
  }
  uint64_t stat(DnsCacheStat stat) const {
    uint64_t sum = 0;
    for (size_t shard = 0; shard < 3; ++shard) sum += cache_->stats(shard).value(stat);
    return sum;
  }

  StatsStore stats_{3};
  DnsCacheConfig config_{.name = "names", .max_pending_requests = 2};
  std::shared_ptr<DnsCache> cache_ = *DnsCache::share(stats_, config_);
};

TEST_F(DnsCacheTest, IsSharedByNameAmongThoseWhoAgree) {
  EXPECT_EQ(*DnsCache::share(stats_, config_), cache_);
  DnsCacheConfig other = config_;
  other.max_hosts = 7;
  const auto refused = DnsCache::share(stats_, other);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message, "the DNS cache 'names' is in use with different settings");
  cache_.reset();
  EXPECT_TRUE(DnsCache::share(stats_, other).ok()) << "nobody holds the first one any more";
}

TEST_F(DnsCacheTest, AnotherProcessHasItsOwn) {
  StatsStore others{1};
  EXPECT_NE(*DnsCache::share(others, config_), cache_);
}

TEST_F(DnsCacheTest, ANameIsFoundOnceItHasAnAddress) {
  const auto name = add("a.test:80", nullptr);
  EXPECT_EQ(cache_->find("a.test:80"), nullptr);
  EXPECT_EQ(cache_->find_any("a.test:80"), name);
  EXPECT_TRUE(name->set_addresses({*Address::ip("10.0.0.1", 80), *Address::ip("10.0.0.2", 80)}));
  EXPECT_FALSE(name->set_addresses({*Address::ip("10.0.0.2", 80), *Address::ip("10.0.0.1", 80)}))
      << "name servers shuffle";
  EXPECT_EQ(name->version(), 1u);
  EXPECT_EQ(cache_->find("a.test:80"), name);
}

TEST_F(DnsCacheTest, AWorkerKnowsWhatItHasMet) {
  DnsCacheView view(cache_);
  EXPECT_EQ(view.find("a.test:80"), nullptr);
  const auto first = add("a.test:80", "10.0.0.1");
  ASSERT_NE(view.find("a.test:80"), nullptr);
  EXPECT_EQ(*view.find("a.test:80"), first);
  cache_->remove(*first);
  EXPECT_EQ(view.find("a.test:80"), nullptr);
  EXPECT_EQ(view.size(), 0u);
  const auto second = add("a.test:80", "10.0.0.2");
  EXPECT_EQ(*view.find("a.test:80"), second);
}

TEST_F(DnsCacheTest, AWorkerForgetsNamesThatLeft) {
  DnsCacheView view(cache_);
  for (int i = 0; i < 10000; ++i) {
    const std::string text = "n" + std::to_string(i) + ".test:80";
    const auto name = add(text, "10.0.0.1");
    EXPECT_NE(view.find(text), nullptr);
    cache_->remove(*name);
  }
  EXPECT_LE(view.size(), 64u);
}

TEST_F(DnsCacheTest, SoManyRequestsMayWait) {
  EXPECT_EQ(stat(kDnsPendingRemaining), 2u);
  EXPECT_TRUE(cache_->begin_wait(1));
  EXPECT_EQ(stat(kDnsPendingOpen), 0u);
  EXPECT_TRUE(cache_->begin_wait(2));
  EXPECT_EQ(stat(kDnsPendingOpen), 1u);
  EXPECT_EQ(stat(kDnsPendingRemaining), 0u);
  EXPECT_FALSE(cache_->begin_wait(1));
  EXPECT_EQ(stat(kDnsRqPendingOverflow), 1u);
  cache_->end_wait(1);
  EXPECT_EQ(stat(kDnsPendingOpen), 0u);
  EXPECT_EQ(stat(kDnsPendingRemaining), 1u);
  EXPECT_TRUE(cache_->begin_wait(1));
}

TEST_F(DnsCacheTest, KnowsItsClusters) {
  auto first = std::make_unique<DynamicForward>(cache_, "up", 80);
  const auto version = cache_->clusters_version();
  EXPECT_EQ(cache_->clusters(), (DnsCache::Clusters{{"up", 80}}));
  auto second = std::make_unique<DynamicForward>(cache_, "up", 443);
  first.reset();
  EXPECT_EQ(cache_->clusters(), (DnsCache::Clusters{{"up", 443}})) << "a newer version of the same cluster";
  second.reset();
  EXPECT_TRUE(cache_->clusters().empty());
  EXPECT_NE(cache_->clusters_version(), version);
}

}  // namespace
}  // namespace remora
