#include "client/dns/dns_feed.h"

#include <gtest/gtest.h>

#include "client/dns/dns_stats.h"

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

DnsAnswer answer_of(std::vector<const char*> addresses, Milliseconds ttl = 0ms) {
  DnsAnswer answer{.is_answered = true, .addresses = {}, .ttl = ttl};
  for (const char* text : addresses) answer.addresses.push_back(*Address::ip(text, 0));
  return answer;
}

class DnsFeedTest : public testing::Test, public DnsFeed::Owner {
 protected:
  DnsFeedTest() { dns_.targets.push_back(target("a.test", 80)); }

  static DnsDiscovery::Target target(const std::string& name, uint16_t port) {
    DnsDiscovery::Target out{.name = name, .port = port, .host = {}};
    out.host.hostname = name;
    out.host.weight = 7;
    return out;
  }
  void begin() {
    feed_ = std::make_unique<DnsFeed>(std::make_shared<const DnsDiscovery>(dns_),
                                      DnsFeed::Parts{*this, resolver_, random_, scope_, "dns#1"});
    feed_->follow(ResourceType::kEndpoints, "cluster");
    feed_->on_time(now_);
  }
  void on_hosts(DnsFeed& /*feed*/, std::shared_ptr<const EndpointSet> hosts) override {
    sets_.push_back(std::move(hosts));
  }
  void on_due(DnsFeed& feed) override { due_ = feed.next_due(); }

  /// Answers the oldest question, and gives the time until the next one.
  Milliseconds answer(const DnsAnswer& answer) {
    auto [name, done] = std::move(resolver_.questions.front());
    resolver_.questions.erase(resolver_.questions.begin());
    done(answer, now_);
    return std::chrono::duration_cast<Milliseconds>(due_ - now_);
  }
  /// Lets time pass up to the next question.
  void pass() {
    ASSERT_NE(due_, MonotonicTime::max());
    feed_->on_time(due_ - 1ms);
    ASSERT_TRUE(resolver_.questions.empty()) << "asked too early";
    now_ = due_;
    feed_->on_time(now_);
    ASSERT_FALSE(resolver_.questions.empty());
  }
  std::string hosts() const {
    std::string text;
    for (const auto& host : sets_.back()->endpoints) text += host->address_text + " ";
    return text;
  }
  uint64_t stat(DnsClusterStat stat) const { return scope_->value(stat); }

  DnsDiscovery dns_;
  ScriptedResolver resolver_;
  Random random_{1};
  StatsStore stats_{1};
  std::shared_ptr<StatScope> scope_ = make_dns_cluster_scope(stats_, "cluster");
  MonotonicTime now_{1h};
  MonotonicTime due_{};
  std::vector<std::shared_ptr<const EndpointSet>> sets_;
  std::unique_ptr<DnsFeed> feed_;
};

TEST_F(DnsFeedTest, TheAddressesOfANameAreHosts) {
  begin();
  EXPECT_EQ(due_, MonotonicTime::max()) << "asks again before it was answered";
  EXPECT_EQ(answer(answer_of({"10.0.0.2", "::1", "10.0.0.1"})), 5000ms);
  EXPECT_EQ(hosts(), "10.0.0.1:80 10.0.0.2:80 [::1]:80 ");
  const Endpoint& host = *sets_.back()->endpoints.front();
  EXPECT_EQ(host.address, *Address::ip("10.0.0.1", 80));
  EXPECT_EQ(host.hostname, "a.test");
  EXPECT_EQ(host.weight, 7u);
  EXPECT_EQ(stat(kUpdateAttempt), 1u);
  EXPECT_EQ(stat(kUpdateSuccess), 1u);
}

TEST_F(DnsFeedTest, AShuffledAnswerIsTheSameSet) {
  begin();
  answer(answer_of({"10.0.0.1", "10.0.0.2"}));
  pass();
  answer(answer_of({"10.0.0.2", "10.0.0.1"}));
  ASSERT_EQ(sets_.size(), 2u);
  EXPECT_EQ(sets_[0], sets_[1]);
}

TEST_F(DnsFeedTest, HostsThatStayAreTheSameEndpoints) {
  begin();
  answer(answer_of({"10.0.0.1", "10.0.0.2"}));
  pass();
  answer(answer_of({"10.0.0.2", "10.0.0.3"}));
  EXPECT_EQ(hosts(), "10.0.0.2:80 10.0.0.3:80 ");
  EXPECT_EQ(sets_[0]->endpoints[1], sets_[1]->endpoints[0]);
}

TEST_F(DnsFeedTest, AfterAFailureTheLastAnswerStays) {
  begin();
  answer(answer_of({"10.0.0.1"}));
  pass();
  EXPECT_EQ(answer({}), 5000ms) << "without a rate of its own, as after a success";
  EXPECT_EQ(sets_.size(), 1u);
  EXPECT_EQ(stat(kUpdateFailure), 1u);
}

TEST_F(DnsFeedTest, AFirstFailureIsAClusterWithoutHosts) {
  begin();
  answer({});
  ASSERT_EQ(sets_.size(), 1u) << "the cluster would warm for ever";
  EXPECT_EQ(hosts(), "");
  pass();
  answer({});
  EXPECT_EQ(sets_.size(), 1u);
  pass();
  answer(answer_of({"10.0.0.1"}));
  EXPECT_EQ(hosts(), "10.0.0.1:80 ");
}

TEST_F(DnsFeedTest, AnEmptyAnswerTakesTheHostsAway) {
  begin();
  answer(answer_of({"10.0.0.1"}));
  pass();
  answer(answer_of({}));
  EXPECT_EQ(hosts(), "");
  EXPECT_EQ(stat(kUpdateSuccess), 2u);
}

TEST_F(DnsFeedTest, OneLogicalHostHasTheFirstAddress) {
  dns_.one_host = true;
  begin();
  answer(answer_of({"10.0.0.9", "10.0.0.1"}));
  EXPECT_EQ(hosts(), "10.0.0.9:80 ");
  pass();
  answer(answer_of({}));
  EXPECT_EQ(hosts(), "10.0.0.9:80 ") << "it cannot go without one";
  EXPECT_EQ(stat(kUpdateFailure), 1u);
}

TEST_F(DnsFeedTest, TheTimeToLiveIsTheNextWait) {
  dns_.respect_ttl = true;
  begin();
  EXPECT_EQ(answer(answer_of({"10.0.0.1"}, 42s)), 42s);
  pass();
  EXPECT_EQ(answer(answer_of({"10.0.0.1"})), 5s) << "none is known";
  pass();
  EXPECT_EQ(answer(answer_of({"10.0.0.1"}, std::chrono::hours(24 * 365))), std::chrono::hours(24 * 7));
  pass();
  EXPECT_EQ(answer({}), 5s);
}

TEST_F(DnsFeedTest, JitterIsAddedBelowItsLimit) {
  dns_.jitter = 1000ms;
  begin();
  bool differs = false;
  for (int i = 0; i < 50; ++i) {
    const auto wait = answer(answer_of({"10.0.0.1"}));
    EXPECT_GE(wait, 5000ms);
    EXPECT_LT(wait, 6000ms);
    differs = differs || wait != 5000ms;
    pass();
  }
  EXPECT_TRUE(differs);
}

TEST_F(DnsFeedTest, FailuresBackOffUntilASuccess) {
  dns_.failure_base = 100ms;
  dns_.failure_max = 400ms;
  begin();
  for (int round = 0; round < 2; ++round) {
    Milliseconds longest{0};
    for (const Milliseconds limit : {100ms, 200ms, 400ms, 400ms, 400ms}) {
      const auto wait = answer({});
      EXPECT_LT(wait, limit);
      longest = std::max(longest, wait);
      now_ = due_;
      feed_->on_time(now_);
    }
    EXPECT_GT(longest, 100ms);
    EXPECT_EQ(answer(answer_of({"10.0.0.1"})), 5000ms);
    pass();
  }
}

TEST_F(DnsFeedTest, EachNameHasItsOwnTimes) {
  dns_.targets.push_back(target("b.test", 81));
  begin();
  ASSERT_EQ(resolver_.questions.size(), 2u);
  EXPECT_EQ(resolver_.questions[1].first, "b.test");
  answer(answer_of({"10.0.0.1"}));
  EXPECT_EQ(hosts(), "10.0.0.1:80 ") << "the first answer is enough to begin";
  answer(answer_of({"10.0.0.1"}));
  EXPECT_EQ(hosts(), "10.0.0.1:80 10.0.0.1:81 ");
}

TEST_F(DnsFeedTest, AnAddressThatTwoNamesHaveIsOneHost) {
  dns_.targets.push_back(target("b.test", 80));
  begin();
  answer(answer_of({"10.0.0.1"}));
  answer(answer_of({"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(hosts(), "10.0.0.1:80 10.0.0.2:80 ");
}

TEST_F(DnsFeedTest, AnAnswerThatComesTooLateReachesNobody) {
  begin();
  feed_.reset();
  answer(answer_of({"10.0.0.1"}));
  EXPECT_TRUE(sets_.empty());
}

}  // namespace
}  // namespace remora::xds
