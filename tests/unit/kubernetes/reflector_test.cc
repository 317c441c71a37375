// How one kind is followed, whatever the server does.
#include "kubernetes/reflector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "unit/kubernetes/fake_cluster.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::kubernetes {
namespace {

using Condition = KindState::Condition;
using std::chrono::milliseconds;
namespace json = boost::json;

const std::string kServices = "/api/v1/services";
const std::string kRules = "/apis/networking.istio.io/v1/virtualservices";

/// Keeps what it is told.
class Sink final : public ReflectorSink {
 public:
  void on_list(const ApiKind&, std::vector<store::ObjectPtr> objects,
               const std::vector<Unreadable>& unreadable, uint64_t version) override {
    ++lists;
    names.clear();
    for (const auto& object : objects) names.insert(object->key.name);
    for (const auto& fault : unreadable) faults[fault.key.name] = fault.why;
    listed_at = version;
  }
  void on_object(const store::ObjectPtr& object) override { names.insert(object->key.name); }
  void on_removed(const store::ObjectKey& key, uint64_t, const std::string&) override {
    names.erase(key.name);
  }
  void on_state(const KindState& state) override { conditions.push_back(state.condition); }

  std::set<std::string> names;
  std::map<std::string, std::string> faults;
  std::vector<Condition> conditions;
  uint64_t listed_at = 0;
  int lists = 0;
};

class ReflectorTest : public testing::Test {
 protected:
  ~ReflectorTest() override {
    if (reflector_ != nullptr) reflector_->stop();
  }
  void start(const std::string& type = "services") {
    reflector_ = std::make_shared<Reflector>(context_, cluster_, *find_api_kind(type), timing_, sink_);
    reflector_->start();
  }
  template <typename Done>
  bool until(Done done) {
    return run_until(context_, done);
  }
  bool knows(const std::set<std::string>& names) {
    return until([&] { return sink_.names == names; });
  }
  bool is(Condition condition) {
    return until([&] { return state().condition == condition; });
  }
  const KindState& state() const { return reflector_->state(); }

  boost::asio::io_context context_;
  FakeCluster cluster_{context_};
  Timing timing_{milliseconds(4), milliseconds(40), std::chrono::seconds(300), milliseconds(30'000)};
  Sink sink_;
  std::shared_ptr<Reflector> reflector_;
};

TEST_F(ReflectorTest, ListsAndFollows) {
  cluster_.put(kServices, "shop", "a");
  start();
  ASSERT_TRUE(knows({"a"}));
  cluster_.put(kServices, "shop", "b");
  ASSERT_TRUE(knows({"a", "b"}));
  cluster_.remove(kServices, "shop", "a");
  ASSERT_TRUE(knows({"b"}));
  EXPECT_EQ(sink_.lists, 1);
  EXPECT_EQ(state().condition, Condition::kWatching);
}

TEST_F(ReflectorTest, AListComesInPagesOfOneMoment) {
  for (int i = 0; i < 600; ++i) cluster_.put(kServices, "shop", "s" + std::to_string(i));
  const uint64_t then = cluster_.version();
  bool changed = false;
  cluster_.refuse = [&](const std::string& path) -> std::optional<ApiAnswer> {
    if (path.find("continue=") != std::string::npos && !std::exchange(changed, true))
      cluster_.put(kServices, "shop", "meanwhile");
    return std::nullopt;
  };
  start();
  ASSERT_TRUE(until([&] { return sink_.names.size() == 601; }));
  EXPECT_EQ(sink_.listed_at, then);
  EXPECT_EQ(cluster_.count("limit=250"), 3U);
  EXPECT_NE(cluster_.last("watch=1").find("resourceVersion=" + std::to_string(then) + '&'),
            std::string::npos);
}

TEST_F(ReflectorTest, AnExpiredContinueTokenBeginsTheListAgain) {
  for (int i = 0; i < 300; ++i) cluster_.put(kServices, "shop", "s" + std::to_string(i));
  bool compacted = false;
  cluster_.refuse = [&](const std::string& path) -> std::optional<ApiAnswer> {
    if (path.find("continue=") == std::string::npos || std::exchange(compacted, true)) return std::nullopt;
    cluster_.put(kServices, "shop", "later");
    cluster_.compact();
    return std::nullopt;
  };
  start();
  ASSERT_TRUE(until([&] { return sink_.names.size() == 301; }));
  EXPECT_EQ(sink_.lists, 1) << "half a list is never told";
  EXPECT_EQ(cluster_.count("limit=1000"), 1U) << "larger pages, so that it does not happen for ever";
}

TEST_F(ReflectorTest, AWatchThatEndsGoesOnWhereItWas) {
  cluster_.put(kServices, "shop", "a");
  start();
  ASSERT_TRUE(knows({"a"}));
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  cluster_.end_watches();
  cluster_.put(kServices, "shop", "b");
  ASSERT_TRUE(knows({"a", "b"}));
  EXPECT_EQ(sink_.lists, 1);
  ASSERT_TRUE(until([&] { return state().watches == 2 && cluster_.watches() == 1; }));
  cluster_.end_watches("connection reset by peer");
  ASSERT_TRUE(is(Condition::kUnreachable));
  EXPECT_NE(state().message.find("connection reset by peer"), std::string::npos);
  EXPECT_TRUE(state().synced);
  cluster_.put(kServices, "shop", "c");
  ASSERT_TRUE(knows({"a", "b", "c"}));
  EXPECT_EQ(sink_.lists, 1);
}

TEST_F(ReflectorTest, ABookmarkMovesThePlace) {
  cluster_.put(kServices, "shop", "a");
  start();
  ASSERT_TRUE(knows({"a"}));
  cluster_.put("/api/v1/secrets", "shop", "somebody-elses");
  ASSERT_TRUE(until([&] { return state().condition == Condition::kWatching && cluster_.watches() == 1; }));
  cluster_.bookmark(kServices);
  ASSERT_TRUE(until([&] { return state().events == 1; }));
  cluster_.compact();  // what was before the bookmark is forgotten: nobody needs it
  cluster_.end_watches();
  cluster_.put(kServices, "shop", "b");
  ASSERT_TRUE(knows({"a", "b"}));
  EXPECT_EQ(sink_.lists, 1);
}

TEST_F(ReflectorTest, AForgottenPlaceInTheWatchBeginsWithAList) {
  cluster_.put(kServices, "shop", "a");
  start();
  ASSERT_TRUE(knows({"a"}));
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  cluster_.end_watches();
  cluster_.remove(kServices, "shop", "a");
  cluster_.put(kServices, "shop", "b");
  cluster_.compact();
  ASSERT_TRUE(knows({"b"}));
  EXPECT_EQ(sink_.lists, 2);
  EXPECT_EQ(std::count(sink_.conditions.begin(), sink_.conditions.end(), Condition::kUnreachable), 0)
      << "that is nothing to tell an operator";
}

TEST_F(ReflectorTest, AWatchRefusedAsTooOldBeginsWithAList) {
  start();
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  bool refused = false;
  cluster_.refuse = [&](const std::string& path) -> std::optional<ApiAnswer> {
    if (path.find("watch=1") == std::string::npos || std::exchange(refused, true)) return std::nullopt;
    return FakeCluster::status(410, "Expired", "too old resource version");
  };
  cluster_.end_watches();
  cluster_.put(kServices, "shop", "a");
  ASSERT_TRUE(knows({"a"}));
  EXPECT_EQ(sink_.lists, 2);
}

TEST_F(ReflectorTest, ASilentWatchIsGivenUp) {
  timing_.watch = std::chrono::seconds(0);
  timing_.grace = milliseconds(60);
  cluster_.silent = true;
  start();
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  cluster_.silent = false;
  cluster_.put(kServices, "shop", "a");
  EXPECT_TRUE(sink_.names.empty());
  ASSERT_TRUE(is(Condition::kUnreachable));
  EXPECT_NE(state().message.find("the watch is dead"), std::string::npos) << state().message;
  ASSERT_TRUE(knows({"a"}));
}

TEST_F(ReflectorTest, AsksLessAndLessOftenWhileNobodyListens) {
  timing_.longest_delay = milliseconds(10'000);
  cluster_.down = true;
  const auto began = std::chrono::steady_clock::now();
  start();
  ASSERT_TRUE(until([&] { return cluster_.asked.size() == 7; }));
  // Six waits of at least half of 4, 8, 16, 32, 64 and 128 ms.
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(126));
  EXPECT_EQ(state().condition, Condition::kUnreachable);
  EXPECT_FALSE(state().synced);
  cluster_.down = false;
  cluster_.put(kServices, "shop", "a");
  EXPECT_TRUE(knows({"a"}));
}

TEST_F(ReflectorTest, AServerThatEndsEveryWatchIsNotAskedForEver) {
  timing_.longest_delay = milliseconds(10'000);
  start();
  const auto began = std::chrono::steady_clock::now();
  for (uint64_t watches = 1; watches <= 6; ++watches) {
    ASSERT_TRUE(until([&] { return state().watches == watches && cluster_.watches() == 1; }));
    cluster_.end_watches();
  }
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(4));
  EXPECT_LE(cluster_.count("watch=1"), 6U);
}

TEST_F(ReflectorTest, WhatCannotBeReadIsNamedAndSpoilsNothing) {
  cluster_.put(kServices, "shop", "good");
  cluster_.put(kServices, "shop", "huge", {{"spec", {{"note", std::string(1'100'000, 'x')}}}});
  json::value deep = "x";
  for (int i = 0; i < 150; ++i) deep = json::array{deep};
  cluster_.put(kServices, "shop", "deep", {{"spec", deep}});
  start();
  ASSERT_TRUE(knows({"good"}));
  EXPECT_NE(sink_.faults["huge"].find("larger than 1048576 bytes"), std::string::npos)
      << sink_.faults["huge"];
  EXPECT_NE(sink_.faults["deep"].find("100 levels"), std::string::npos) << sink_.faults["deep"];
  EXPECT_EQ(state().unreadable.size(), 2U);
  cluster_.put(kServices, "shop", "huge", {{"spec", {{"note", "small"}}}});
  ASSERT_TRUE(knows({"good", "huge"}));
  EXPECT_EQ(state().unreadable.size(), 1U);
  cluster_.put(kServices, "shop", "good", {{"spec", deep}});
  ASSERT_TRUE(until([&] { return state().unreadable.contains({"services", "shop", "good"}); }));
  EXPECT_TRUE(sink_.names.contains("good")) << "its last good state stays";
  cluster_.remove(kServices, "shop", "good");
  ASSERT_TRUE(knows({"huge"}));
  EXPECT_FALSE(state().unreadable.contains({"services", "shop", "good"}));
}

TEST_F(ReflectorTest, AListThatIsTooLargeComesInSmallerPages) {
  for (int i = 0; i < 100; ++i) cluster_.put(kServices, "shop", "s" + std::to_string(i));
  class Limited final : public ApiClient {
   public:
    Limited(FakeCluster& cluster, boost::asio::io_context& context) : cluster_(cluster), context_(context) {}
    std::shared_ptr<void> call(ApiCall call, Answered done) override {
      if (call.path.find("limit=250") == std::string::npos)
        return cluster_.call(std::move(call), std::move(done));
      boost::asio::post(context_,
                        [done] { done(Error{std::string("GET x: ") + kAnswerTooLarge + " 3 bytes"}); });
      return std::make_shared<int>();
    }
    std::shared_ptr<void> stream(std::string path, OnLine on_line, Answered ended) override {
      return cluster_.stream(std::move(path), std::move(on_line), std::move(ended));
    }

   private:
    FakeCluster& cluster_;
    boost::asio::io_context& context_;
  } limited(cluster_, context_);
  reflector_ = std::make_shared<Reflector>(context_, limited, *find_api_kind("services"), timing_, sink_);
  reflector_->start();
  ASSERT_TRUE(until([&] { return sink_.names.size() == 100; }));
  EXPECT_EQ(cluster_.count("limit=62"), 2U);
}

TEST_F(ReflectorTest, AMissingKindIsServedOnceItAppears) {
  bool there = false;
  cluster_.refuse = [&](const std::string&) -> std::optional<ApiAnswer> {
    if (there) return std::nullopt;
    return FakeCluster::status(404, "NotFound", "the server could not find the requested resource");
  };
  start("virtualservices.networking.istio.io");
  ASSERT_TRUE(is(Condition::kAbsent));
  EXPECT_TRUE(state().settled()) << "nobody waits for it";
  EXPECT_NE(state().message.find("CustomResourceDefinition"), std::string::npos);
  for (const char* version : {"v1/", "v1beta1/", "v1alpha3/"})
    EXPECT_GE(cluster_.count(std::string("networking.istio.io/") + version), 1U) << version;
  cluster_.put(kRules, "shop", "a");
  there = true;
  EXPECT_TRUE(knows({"a"}));
  EXPECT_TRUE(is(Condition::kWatching));
}

TEST_F(ReflectorTest, AnOlderVersionOfTheApiWillDo) {
  const std::string old = "/apis/networking.istio.io/v1beta1/virtualservices";
  cluster_.put(old, "shop", "a");
  cluster_.refuse = [&](const std::string& path) -> std::optional<ApiAnswer> {
    if (path.starts_with(old)) return std::nullopt;
    return FakeCluster::status(404, "NotFound", "not here");
  };
  start("virtualservices.networking.istio.io");
  EXPECT_TRUE(knows({"a"}));
  EXPECT_EQ(state().version, "v1beta1");
}

TEST_F(ReflectorTest, AMissingPermissionIsToldInTheServersWordsAndTriedAgain) {
  const std::string why =
      R"(services is forbidden: User "x" cannot list resource "services" in API group "" at the cluster scope)";
  bool allowed = false;
  cluster_.put(kServices, "shop", "a");
  cluster_.refuse = [&](const std::string&) -> std::optional<ApiAnswer> {
    if (allowed) return std::nullopt;
    return FakeCluster::status(403, "Forbidden", why);
  };
  start();
  ASSERT_TRUE(is(Condition::kForbidden));
  EXPECT_EQ(state().message, why);
  EXPECT_FALSE(state().settled()) << "routing needs it";
  allowed = true;
  EXPECT_TRUE(knows({"a"}));
}

TEST_F(ReflectorTest, ALostPermissionTakesNothingAway) {
  cluster_.put(kServices, "shop", "a");
  start();
  ASSERT_TRUE(knows({"a"}));
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  cluster_.refuse = [](const std::string&) { return FakeCluster::status(403, "Forbidden", "no more"); };
  cluster_.end_watches();
  ASSERT_TRUE(is(Condition::kForbidden));
  EXPECT_EQ(sink_.names, std::set<std::string>{"a"});
  EXPECT_TRUE(state().settled());
}

TEST_F(ReflectorTest, AWatchThatTellsNonsenseBeginsWithAList) {
  start();
  for (const char* line : {"{\"type\":\"ADDED\"", "no JSON", R"({"type":"UPSET","object":{}})", "{}"}) {
    const auto lists = state().lists;
    ASSERT_TRUE(until([&] { return state().condition == Condition::kWatching && cluster_.watches() == 1; }));
    cluster_.tell(kServices, line);
    ASSERT_TRUE(until([&] { return state().lists > lists; })) << line;
  }
  cluster_.put(kServices, "shop", "a");
  EXPECT_TRUE(knows({"a"}));
}

TEST_F(ReflectorTest, ABusyServerIsAskedAgainForTheSameWatch) {
  start();
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  int busy = 0;
  cluster_.refuse = [&](const std::string&) -> std::optional<ApiAnswer> {
    if (busy++ >= 3) return std::nullopt;
    return FakeCluster::status(429, "TooManyRequests", "please try again later");
  };
  cluster_.end_watches();
  cluster_.put(kServices, "shop", "a");
  EXPECT_TRUE(knows({"a"}));
  EXPECT_EQ(sink_.lists, 1);
}

TEST_F(ReflectorTest, TellsNothingAfterItsEnd) {
  start();
  ASSERT_TRUE(until([&] { return cluster_.watches() == 1; }));
  reflector_->stop();
  EXPECT_EQ(cluster_.watches(), 0U);
  cluster_.put(kServices, "shop", "a");
  context_.restart();
  context_.run();
  EXPECT_TRUE(sink_.names.empty());
}

}  // namespace
}  // namespace remora::kubernetes
