#include "client/dns/dns_cache_keeper.h"

#include <gtest/gtest.h>

namespace remora::xds {
namespace {

using namespace std::chrono_literals;  // NOLINT

/// Keeps questions until the test answers them.
class ScriptedResolver final : public NameResolver {
 public:
  void resolve(const std::string& name, DnsLookupFamily /*family*/, Done done) override {
    questions.emplace_back(name, std::move(done));
  }
  std::vector<std::pair<std::string, Done>> questions;
};

class DnsCacheKeeperTest : public testing::Test {
 protected:
  void begin() {
    cache_ = *DnsCache::share(stats_, config_);
    keeper_.emplace(cache_, DnsCacheKeeper::Parts{resolver_, random_});
  }
  void demand(const std::string& text, uint64_t number = 1) {
    keeper_->demand(cache_->key_of(text), number, now_);
  }
  /// Answers the oldest question.
  void answer(std::vector<const char*> addresses, bool is_answered = true, Milliseconds ttl = 0ms) {
    ASSERT_FALSE(resolver_.questions.empty());
    DnsAnswer answer{.is_answered = is_answered, .addresses = {}, .ttl = ttl};
    if (addresses.empty()) answer.failure = "why";
    for (const char* text : addresses) answer.addresses.push_back(*Address::ip(text, 0));
    auto [name, done] = std::move(resolver_.questions.front());
    resolver_.questions.erase(resolver_.questions.begin());
    done(answer, now_);
  }
  /// Lets the time pass until something is due; how long that was.
  Milliseconds pass() {
    const auto before = now_;
    now_ = keeper_->next_due();
    keeper_->on_time(now_);
    return std::chrono::duration_cast<Milliseconds>(now_ - before);
  }
  /// "name:port+" for what was found, "name:port-" for what was not.
  std::string settled() {
    std::string text;
    for (const auto& one : keeper_->take_settled()) text += one.key.name + (one.found ? "+" : "-");
    return text;
  }
  std::string address(const std::string& text) const {
    const auto name = cache_->find(text);
    return name == nullptr ? "none" : name->addresses().front().to_string();
  }
  uint64_t stat(DnsCacheStat stat) const { return cache_->stats(0).value(stat); }

  StatsStore stats_{1};
  DnsCacheConfig config_{.name = "names"};
  std::shared_ptr<DnsCache> cache_;
  ScriptedResolver resolver_;
  Random random_{1};
  std::optional<DnsCacheKeeper> keeper_;
  MonotonicTime now_{1h};
};

TEST_F(DnsCacheKeeperTest, ANameIsAskedForOnceHoweverManyWait) {
  begin();
  demand("a.test:80", 1);
  demand("a.test:80", 5);
  ASSERT_EQ(resolver_.questions.size(), 1u);
  EXPECT_EQ(resolver_.questions[0].first, "a.test");
  EXPECT_EQ(settled(), "");
  answer({"10.0.0.1"});
  const auto all = keeper_->take_settled();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].found);
  EXPECT_EQ(all[0].number, 5u);
  EXPECT_EQ(address("a.test:80"), "10.0.0.1:80");
  demand("a.test:80", 6);
  EXPECT_EQ(settled(), "a.test:80+") << "known by now";
  EXPECT_EQ(stat(kNumHosts), 1u);
  EXPECT_EQ(stat(kDnsQueryAttempt), 1u);
  EXPECT_EQ(stat(kHostAddressChanged), 1u);
}

TEST_F(DnsCacheKeeperTest, PortsAreHostsOfTheirOwn) {
  begin();
  demand("[::1]:80");
  demand("[::1]:81");
  ASSERT_EQ(resolver_.questions.size(), 2u);
  EXPECT_EQ(resolver_.questions[0].first, "::1");
  answer({"::1"});
  answer({"::1"});
  EXPECT_EQ(address("[::1]:80"), "[::1]:80");
  EXPECT_EQ(address("[::1]:81"), "[::1]:81");
}

TEST_F(DnsCacheKeeperTest, TheNextQuestionComesWithTheTimeToLive) {
  begin();
  demand("a.test:80");
  answer({"10.0.0.1"}, true, 90s);
  EXPECT_EQ(pass(), 90s);
  answer({"10.0.0.2"}, true, 1s);
  EXPECT_EQ(address("a.test:80"), "10.0.0.2:80");
  EXPECT_EQ(stat(kHostAddressChanged), 2u);
  EXPECT_EQ(pass(), 5s) << "but not more often than that";
  answer({});
  EXPECT_EQ(address("a.test:80"), "10.0.0.2:80") << "nothing found changes nothing";
  EXPECT_EQ(pass(), 60s);
}

TEST_F(DnsCacheKeeperTest, AfterAFailureWhatWasKnownStays) {
  begin();
  demand("a.test:80");
  answer({"10.0.0.1"});
  pass();
  answer({}, false);
  EXPECT_EQ(address("a.test:80"), "10.0.0.1:80");
  EXPECT_EQ(stat(kDnsQueryFailure), 1u);
  EXPECT_EQ(pass(), 60s);
}

TEST_F(DnsCacheKeeperTest, FailuresBackOff) {
  config_.failure_base = 10ms;
  config_.failure_max = 40ms;
  config_.host_ttl = 1h;
  begin();
  demand("a.test:80");
  for (const auto limit : {10ms, 20ms, 40ms, 40ms}) {
    answer({}, false);
    EXPECT_LT(pass(), limit);
  }
  answer({"10.0.0.1"});
  pass();
  answer({}, false);
  EXPECT_LT(pass(), 10ms) << "a success ends that";
}

TEST_F(DnsCacheKeeperTest, AFailureIsToldToThoseWhoAskBeforeTheNextQuestion) {
  begin();
  demand("a.test:80", 1);
  answer({});
  EXPECT_EQ(settled(), "a.test:80-");
  demand("a.test:80", 2);
  EXPECT_EQ(settled(), "a.test:80-");
  EXPECT_TRUE(resolver_.questions.empty());
  EXPECT_STREQ(cache_->find_any("a.test:80")->failure(), "why");
}

TEST_F(DnsCacheKeeperTest, AQuestionMayTakeSoLong) {
  begin();
  demand("a.test:80");
  EXPECT_EQ(pass(), 5s);
  EXPECT_EQ(settled(), "a.test:80-");
  EXPECT_EQ(stat(kDnsQueryTimeout), 1u);
  EXPECT_EQ(stat(kDnsQueryFailure), 1u);
  EXPECT_STREQ(cache_->find_any("a.test:80")->failure(), "dns_resolution_failure{resolve_timeout}");
  answer({"10.0.0.1"});
  EXPECT_EQ(address("a.test:80"), "none") << "too late";
  EXPECT_EQ(pass(), 60s);
  answer({"10.0.0.1"});
  EXPECT_EQ(address("a.test:80"), "10.0.0.1:80");
}

TEST_F(DnsCacheKeeperTest, WhatNobodyUsesGoes) {
  begin();
  demand("a.test:80");
  answer({"10.0.0.1"}, true, 200s);
  const auto name = cache_->find("a.test:80");
  pass();
  ASSERT_EQ(resolver_.questions.size(), 1u) << "200 s: it may stay";
  answer({"10.0.0.1"}, true, 200s);
  name->touch(now_);
  pass();
  answer({"10.0.0.1"}, true, 200s);
  EXPECT_FALSE(name->is_gone());
  pass();
  EXPECT_TRUE(name->is_gone());
  EXPECT_EQ(cache_->find_any("a.test:80"), nullptr);
  EXPECT_EQ(stat(kHostRemoved), 1u);
  EXPECT_EQ(stat(kNumHosts), 0u);
  EXPECT_EQ(keeper_->next_due(), MonotonicTime::max());
}

TEST_F(DnsCacheKeeperTest, MadeUpNamesKeepNobodyOut) {
  config_.max_hosts = 3;
  begin();
  for (int i = 0; i < 1000; ++i) {
    demand("n" + std::to_string(i) + ".test:80");
    answer({});
    EXPECT_LE(cache_->size(), 3u);
  }
  EXPECT_FALSE(cache_->is_full());
  for (const char* text : {"a.test:80", "b.test:80", "c.test:80"}) {
    settled();
    demand(text);
    answer({"10.0.0.1"});
    EXPECT_EQ(settled(), std::string(text) + "+");
  }
  EXPECT_TRUE(cache_->is_full());
  demand("d.test:80");
  EXPECT_EQ(settled(), "d.test:80-");
  EXPECT_TRUE(resolver_.questions.empty());
  EXPECT_EQ(stat(kHostOverflow), 1u);
  EXPECT_EQ(address("a.test:80"), "10.0.0.1:80");
}

TEST_F(DnsCacheKeeperTest, NamesUnderWayAreNotThrownOut) {
  config_.max_hosts = 2;
  begin();
  demand("a.test:80");
  demand("b.test:80");
  demand("c.test:80");
  EXPECT_EQ(settled(), "c.test:80-");
  answer({"10.0.0.1"});
  answer({"10.0.0.2"});
  EXPECT_EQ(settled(), "a.test:80+b.test:80+");
}

TEST_F(DnsCacheKeeperTest, WhatIsWantedBeforeAnybodyAsks) {
  config_.preresolve = {"a.test:80", "b.test:443"};
  begin();
  keeper_->preresolve(now_);
  keeper_->preresolve(now_);
  ASSERT_EQ(resolver_.questions.size(), 2u);
  answer({"10.0.0.1"});
  answer({"10.0.0.2"});
  EXPECT_EQ(address("b.test:443"), "10.0.0.2:443");
  EXPECT_EQ(settled(), "");
}

TEST_F(DnsCacheKeeperTest, EndsWithItsCache) {
  begin();
  demand("a.test:80");
  const auto key = cache_->key_of("b.test:80");
  cache_.reset();
  EXPECT_TRUE(keeper_->is_over());
  answer({"10.0.0.1"});
  keeper_->demand(key, 2, now_);
  EXPECT_EQ(settled(), "b.test:80-");
}

}  // namespace
}  // namespace remora::xds
