// Replicas of the control plane have one authority, whichever of them makes it.
#include "identity/shared_authority.h"

#include <gtest/gtest.h>

#include <vector>

#include "identity/own_root.h"

namespace remora::identity {
namespace {

/// Secrets in memory; what is asked is answered when the test says so.
class FakeKeeper final : public SecretKeeper {
 public:
  void fetch(const std::string& name, Fetched done) override {
    waiting.push_back([this, name, done] {
      if (!refusal.empty()) return done(Error{place(name) + ": " + refusal});
      const auto secret = secrets.find(name);
      done(secret == secrets.end() ? std::optional<Fields>() : std::optional(secret->second));
    });
  }
  void create(const std::string& name, const std::string& type, const Fields& fields, Created done) override {
    waiting.push_back([this, name, type, fields, done] {
      types.push_back(type);
      done(secrets.emplace(name, fields).second);
    });
  }
  std::string place(const std::string& name) const override { return "secret istio-system/" + name; }

  void run() {
    while (!waiting.empty()) {
      const auto step = waiting.front();
      waiting.erase(waiting.begin());
      step();
    }
  }

  std::map<std::string, Fields> secrets;
  std::vector<std::string> types;
  std::string refusal;
  std::vector<std::function<void()>> waiting;
};

class SharedAuthorityTest : public testing::Test {
 protected:
  using Opened = Result<std::unique_ptr<CertificateAuthority>>;

  std::shared_ptr<Opened> open() {
    auto result = std::make_shared<Opened>(Error{"not answered"});
    open_shared_authority(keeper_, "cluster.local", [result](Opened opened) { *result = std::move(opened); });
    return result;
  }
  static SecretKeeper::Fields root() {
    const auto key = make_root_key();
    return {{"ca-key.pem", *key}, {"ca-cert.pem", *make_root_certificate(*key, "cluster.local")}};
  }
  std::string error() {
    const auto opened = open();
    keeper_.run();
    return opened->ok() ? "" : opened->error().message;
  }

  FakeKeeper keeper_;
};

TEST_F(SharedAuthorityTest, ReplicasThatStartTogetherHaveOneRoot) {
  const auto a = open();
  const auto b = open();
  keeper_.run();  // both have looked before either has made it
  ASSERT_TRUE(a->ok()) << a->error().message;
  ASSERT_TRUE(b->ok()) << b->error().message;
  EXPECT_EQ((**a)->root_pem(), (**b)->root_pem());
  EXPECT_EQ((**a)->origin(), "secret istio-system/istio-ca-secret");
  EXPECT_EQ(keeper_.types, (std::vector<std::string>{"istio.io/ca-root", "istio.io/ca-root"}));
  EXPECT_TRUE((**b)->issue({"cluster.local", "shop", "cart"}, std::chrono::hours(1)).ok());
  const auto later = open();
  keeper_.run();
  ASSERT_TRUE(later->ok());
  EXPECT_EQ((**later)->root_pem(), (**a)->root_pem());
  EXPECT_EQ(keeper_.types.size(), 2U);
}

TEST_F(SharedAuthorityTest, WhatTheOperatorGivesComesFirst) {
  keeper_.secrets["istio-ca-secret"] = root();
  keeper_.secrets["cacerts"] = root();
  keeper_.secrets["cacerts"]["root-cert.pem"] = keeper_.secrets["cacerts"]["ca-cert.pem"];
  keeper_.secrets["cacerts"]["cert-chain.pem"] = keeper_.secrets["cacerts"]["ca-cert.pem"];
  const auto opened = open();
  keeper_.run();
  ASSERT_TRUE(opened->ok()) << opened->error().message;
  EXPECT_EQ((**opened)->origin(), "secret istio-system/cacerts");
}

TEST_F(SharedAuthorityTest, ABadSecretIsNamedAndNothingIsMadeInItsPlace) {
  keeper_.secrets["istio-ca-secret"] = {{"ca-cert.pem", "rubbish"}, {"ca-key.pem", "rubbish"}};
  EXPECT_NE(error().find("secret istio-system/istio-ca-secret ca-key.pem"), std::string::npos) << error();
  keeper_.secrets["istio-ca-secret"] = root();
  keeper_.secrets["istio-ca-secret"]["ca-key.pem"] = root()["ca-key.pem"];
  EXPECT_NE(error().find("istio-ca-secret ca-cert.pem: is not the certificate of the key"), std::string::npos)
      << error();
  keeper_.secrets["istio-ca-secret"] = {};
  EXPECT_NE(error(), "");
  EXPECT_TRUE(keeper_.types.empty());
}

TEST_F(SharedAuthorityTest, ARefusalIsNotTakenForAnAbsence) {
  keeper_.refusal = "secrets \"cacerts\" is forbidden";
  EXPECT_EQ(error(), "secret istio-system/cacerts: secrets \"cacerts\" is forbidden");
  EXPECT_TRUE(keeper_.types.empty());
}

}  // namespace
}  // namespace remora::identity
