// All kinds together, and writes.
#include "kubernetes/kubernetes_store.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "unit/kubernetes/fake_cluster.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::kubernetes {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using Reason = store::WriteError::Reason;

const std::string kRules = "/apis/networking.istio.io/v1/virtualservices";
const store::ObjectKey kRule{"virtualservices.networking.istio.io", "shop", "a"};

class KubernetesStoreTest : public testing::Test {
 protected:
  KubernetesStoreTest() {
    StoreSettings settings;
    settings.timing = {milliseconds(4), milliseconds(40), std::chrono::seconds(300), milliseconds(30'000)};
    settings.log = [this](bool warning, const std::string& text) {
      (warning ? warnings_ : infos_).push_back(text);
    };
    store_ = std::make_unique<KubernetesStore>(context_, cluster_, settings);
  }
  template <typename Done>
  bool until(Done done) {
    return run_until(context_, done);
  }
  bool settle() {
    store_->start();
    return until([&] { return store_->settled(); });
  }
  bool has_rule(const char* mark) {
    return until([&] {
      const auto rule = store_->get(kRule);
      return rule != nullptr && rule->body.contains("spec") &&
             rule->body.at("spec") == json::value{{"mark", mark}};
    });
  }
  store::Written keep() {
    return [this](store::WriteResult result) { result_ = std::move(result); };
  }
  store::WriteResult answer() {
    EXPECT_TRUE(until([&] { return result_.has_value(); }));
    return *std::exchange(result_, std::nullopt);
  }
  static json::object marked(const char* mark) { return {{"spec", {{"mark", mark}}}}; }

  boost::asio::io_context context_;
  FakeCluster cluster_{context_};
  std::vector<std::string> warnings_, infos_;
  std::unique_ptr<KubernetesStore> store_;
  std::optional<store::WriteResult> result_;
};

TEST_F(KubernetesStoreTest, IsSettledOnceEverythingForRoutingHasBeenRead) {
  cluster_.put("/api/v1/services", "shop", "a");
  bool slow = true;
  cluster_.refuse = [&](const std::string& path) -> std::optional<ApiAnswer> {
    if (slow && path.starts_with("/api/v1/pods")) return FakeCluster::status(503, "Unavailable", "not yet");
    return std::nullopt;
  };
  store_->start();
  ASSERT_TRUE(until([&] { return store_->count("services") == 1; }));
  EXPECT_FALSE(store_->settled());
  slow = false;
  EXPECT_TRUE(until([&] { return store_->settled(); }));
}

TEST_F(KubernetesStoreTest, WhatOnlyCanariesNeedIsNotWaitedForWithoutPermission) {
  cluster_.refuse = [](const std::string& path) -> std::optional<ApiAnswer> {
    if (!path.starts_with("/apis/apps/")) return std::nullopt;
    return FakeCluster::status(
        403, "Forbidden", R"(deployments.apps is forbidden: User "r" cannot list resource "deployments")");
  };
  ASSERT_TRUE(settle());
  const auto told = std::find_if(warnings_.begin(), warnings_.end(), [](const std::string& text) {
    return text.find("Deployment (apps/v1 deployments): Forbidden") != std::string::npos;
  });
  ASSERT_NE(told, warnings_.end());
  EXPECT_NE(told->find(R"(cannot list resource "deployments")"), std::string::npos);
}

TEST_F(KubernetesStoreTest, AStandingFaultIsLoggedOnce) {
  cluster_.refuse = [](const std::string& path) -> std::optional<ApiAnswer> {
    if (!path.starts_with("/api/v1/nodes")) return std::nullopt;
    return FakeCluster::status(403, "Forbidden", "no nodes");
  };
  store_->start();
  ASSERT_TRUE(until([&] { return cluster_.count("/api/v1/nodes") >= 4; }));
  EXPECT_EQ(std::count_if(warnings_.begin(), warnings_.end(),
                          [](const std::string& text) { return text.find("no nodes") != std::string::npos; }),
            1);
}

TEST_F(KubernetesStoreTest, AServerThatIsAwayTakesNothingAndEverythingCatchesUp) {
  cluster_.put(kRules, "shop", "a", marked("one"));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(has_rule("one"));
  cluster_.down = true;
  cluster_.end_watches("connection reset by peer");
  cluster_.put(kRules, "shop", "a", marked("two"));
  cluster_.put(kRules, "shop", "b");
  ASSERT_TRUE(until([&] {
    const auto states = store_->states();
    return std::all_of(states.begin(), states.end(), [](const KindState& state) {
      return state.condition == KindState::Condition::kUnreachable && state.synced;
    });
  }));
  EXPECT_TRUE(store_->settled());
  EXPECT_TRUE(has_rule("one"));
  cluster_.compact();  // away for longer than the server remembers
  cluster_.down = false;
  EXPECT_TRUE(has_rule("two"));
  EXPECT_TRUE(until([&] { return store_->count(kRule.type) == 2; }));
}

TEST_F(KubernetesStoreTest, AWriteCountsAtOnce) {
  cluster_.put(kRules, "shop", "a", marked("one"));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(has_rule("one"));
  json::object body = store_->get(kRule)->body;
  body["spec"] = {{"mark", "two"}};
  store_->update(kRule, body, {}, [this](store::WriteResult result) {
    ASSERT_TRUE(std::holds_alternative<store::ObjectPtr>(result)) << std::get<1>(result).message;
    EXPECT_EQ(store_->get(kRule)->version, std::get<store::ObjectPtr>(result)->version);
    result_ = std::move(result);
  });
  const uint64_t version = std::get<store::ObjectPtr>(answer())->version;
  store_->update(kRule, body, {}, keep());
  EXPECT_EQ(std::get<store::ObjectPtr>(answer())->version, version) << "nothing differs";
  EXPECT_EQ(cluster_.count("PUT "), 1U);
}

TEST_F(KubernetesStoreTest, AWriteWithoutAVersionIsTriedOnTheNewestState) {
  cluster_.put(kRules, "shop", "a", marked("one"));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(has_rule("one"));
  cluster_.put(kRules, "shop", "a", marked("somebody else was faster"));
  store_->update(kRule, marked("two"), {}, keep());
  const auto result = answer();
  ASSERT_TRUE(std::holds_alternative<store::ObjectPtr>(result)) << std::get<1>(result).message;
  EXPECT_EQ(cluster_.count("PUT "), 2U);
  EXPECT_TRUE(has_rule("two"));
}

TEST_F(KubernetesStoreTest, AWriteOfAVersionIsAConflictWhereThatIsOld) {
  cluster_.put(kRules, "shop", "a", marked("one"));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(has_rule("one"));
  const uint64_t seen = store_->get(kRule)->version;
  cluster_.put(kRules, "shop", "a", marked("newer"));
  store_->update(kRule, marked("two"), {seen, ""}, keep());
  EXPECT_EQ(std::get<store::WriteError>(answer()).reason, Reason::kConflict);
  EXPECT_TRUE(has_rule("newer"));
  store_->update(kRule, marked("two"), {std::nullopt, "another uid"}, keep());
  EXPECT_EQ(std::get<store::WriteError>(answer()).reason, Reason::kConflict);
}

TEST_F(KubernetesStoreTest, AStatusGoesToItsSubresourceAndTakesNothingElseAlong) {
  cluster_.put(kRules, "shop", "a", marked("one"));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(has_rule("one"));
  json::object body = marked("not this");
  body["status"] = {{"note", "x"}};
  store_->update_status(kRule, body, {}, keep());
  ASSERT_TRUE(std::holds_alternative<store::ObjectPtr>(answer()));
  EXPECT_EQ(cluster_.last("PUT "),
            "PUT /apis/networking.istio.io/v1/namespaces/shop/virtualservices/a/status");
  EXPECT_TRUE(has_rule("one"));
  EXPECT_EQ(store_->get(kRule)->body.at("status"), (json::value{{"note", "x"}}));
}

TEST_F(KubernetesStoreTest, CreatesAndRemoves) {
  ASSERT_TRUE(settle());
  store_->create(kRule, marked("one"), keep());
  ASSERT_TRUE(std::holds_alternative<store::ObjectPtr>(answer()));
  EXPECT_TRUE(has_rule("one"));
  store_->create(kRule, marked("again"), keep());
  EXPECT_EQ(std::get<store::WriteError>(answer()).reason, Reason::kAlreadyExists);
  store_->remove(kRule, {}, keep());
  ASSERT_TRUE(std::holds_alternative<store::ObjectPtr>(answer()));
  EXPECT_EQ(store_->get(kRule), nullptr);
  store_->remove(kRule, {}, keep());
  EXPECT_EQ(std::get<store::WriteError>(answer()).reason, Reason::kNotFound);
}

TEST_F(KubernetesStoreTest, WhatIsKeptSlimIsNotWritten) {
  cluster_.put("/api/v1/pods", "shop", "p");
  ASSERT_TRUE(settle());
  store_->update({"pods", "shop", "p"}, {}, {}, keep());
  EXPECT_EQ(std::get<store::WriteError>(answer()).reason, Reason::kInvalid);
  EXPECT_EQ(cluster_.count("PUT "), 0U);
}

TEST_F(KubernetesStoreTest, ReadsSecretsByNameOnly) {
  cluster_.put("/api/v1/secrets", "shop", "s", {{"data", {{"k", "dg=="}}}});
  ASSERT_TRUE(settle());
  EXPECT_EQ(cluster_.count("/api/v1/secrets"), 0U) << "they are neither listed nor watched";
  std::optional<Result<store::ObjectPtr>> fetched;
  store_->fetch({"secrets", "shop", "s"},
                [&](Result<store::ObjectPtr> result) { fetched = std::move(result); });
  ASSERT_TRUE(until([&] { return fetched.has_value(); }));
  ASSERT_TRUE(fetched->ok());
  EXPECT_EQ((**fetched)->body.at("data"), (json::value{{"k", "dg=="}}));
  EXPECT_EQ(store_->get({"secrets", "shop", "s"}), nullptr) << "and not kept";
}

TEST_F(KubernetesStoreTest, AWriteThatIsForbiddenSaysSo) {
  cluster_.put(kRules, "shop", "a", marked("one"));
  ASSERT_TRUE(settle());
  ASSERT_TRUE(has_rule("one"));
  cluster_.refuse = [](const std::string& path) -> std::optional<ApiAnswer> {
    if (!path.ends_with("/status")) return std::nullopt;
    return FakeCluster::status(403, "Forbidden", "cannot update resource \"virtualservices/status\"");
  };
  json::object body = marked("one");
  body["status"] = {{"note", "x"}};
  store_->update_status(kRule, body, {}, keep());
  const auto error = std::get<store::WriteError>(answer());
  EXPECT_EQ(error.reason, Reason::kStorage);
  EXPECT_NE(error.message.find("virtualservices.networking.istio.io shop/a: cannot update resource"),
            std::string::npos);
}

TEST_F(KubernetesStoreTest, NothingIsAnsweredAfterItsEnd) {
  ASSERT_TRUE(settle());
  store_->create(kRule, marked("one"), [](const store::WriteResult&) { FAIL(); });
  store_.reset();
  context_.restart();
  context_.run();
}

}  // namespace
}  // namespace remora::kubernetes
