// Whom a token stands for: the API server says it, and it is asked as rarely as is safe.
#include "kubernetes/token_review.h"

#include <gtest/gtest.h>

#include "istio/text/base64.h"
#include "unit/kubernetes/fake_api.h"
#include "unit/kubernetes/fake_server.h"

namespace remora::kubernetes {
namespace {

/// A JSON Web Token without expiry; {"exp":1} for one that is over.
const std::string kToken = "e30.e30.x";
const std::string kExpired = "e30.eyJleHAiOjF9.x";

std::string verdict(const std::string& status) { return R"({"kind":"TokenReview","status":)" + status + "}"; }

const std::string kGood = verdict(
    R"({"authenticated":true,"audiences":["istio-ca"],"user":{"username":"system:serviceaccount:shop:cart",
        "extra":{"authentication.kubernetes.io/pod-name":["cart-1"]}}})");

class TokenReviewTest : public testing::Test {
 protected:
  TokenReviewTest() {
    api_.answer = [this](const ApiCall&) { return answer_; };
  }
  /// "namespace/account/pod", or why not.
  std::string review(const std::string& token) {
    std::string text;
    const auto handle = reviews_.review(token, [&](const Result<TokenOwner>& owner) {
      text = owner.ok() ? owner->ns + '/' + owner->service_account + '/' + owner->pod : owner.error().message;
    });
    run_until(context_, [&] { return !text.empty(); });
    return text;
  }

  boost::asio::io_context context_;
  FakeApi api_{context_};
  TokenReview reviews_{api_, "istio-ca"};
  ApiAnswer answer_{201, kGood};
};

TEST_F(TokenReviewTest, AsksForTheAudienceAndTellsThePod) {
  EXPECT_EQ(review(kToken), "shop/cart/cart-1");
  ASSERT_EQ(api_.calls.size(), 1U);
  EXPECT_EQ(api_.calls[0].path, "/apis/authentication.k8s.io/v1/tokenreviews");
  const auto spec = boost::json::parse(api_.calls[0].body).as_object()["spec"].as_object();
  EXPECT_EQ(spec.at("token").as_string(), kToken);
  EXPECT_EQ(spec.at("audiences"), boost::json::array({"istio-ca"}));
}

TEST_F(TokenReviewTest, AGoodAnswerIsRememberedABadOneIsNot) {
  EXPECT_FALSE(reviews_.knows(kToken));
  review(kToken);
  EXPECT_TRUE(reviews_.knows(kToken));
  answer_ = {201, verdict(R"({"authenticated":false,"error":"gone"})")};
  EXPECT_EQ(review(kToken), "shop/cart/cart-1");
  EXPECT_EQ(api_.calls.size(), 1U);
  EXPECT_EQ(review("e30.e30.y"), "the API server does not accept the token: gone");
  EXPECT_FALSE(reviews_.knows("e30.e30.y"));
}

TEST_F(TokenReviewTest, NothingIsRememberedLongerThanTheTokenLives) {
  EXPECT_EQ(review(kExpired), "shop/cart/cart-1");  // the server decides; its clock counts
  EXPECT_FALSE(reviews_.knows(kExpired));
}

TEST_F(TokenReviewTest, RefusesWhatProvesNothing) {
  const auto says = [&](const std::string& status) {
    answer_ = {201, verdict(status)};
    return review(kToken);
  };
  EXPECT_EQ(says(R"({"authenticated":true,"user":{"username":"system:serviceaccount:shop:cart"}})"),
            "the token is not for the audience istio-ca");
  EXPECT_EQ(says(R"({"authenticated":true,"audiences":["https://kubernetes"],"user":{}})"),
            "the token is not for the audience istio-ca");
  EXPECT_EQ(says(R"({"authenticated":true,"audiences":["istio-ca"],"user":{"username":"kate"}})"),
            "the token is of \"kate\", which is no service account");
  EXPECT_EQ(
      says(
          R"({"authenticated":true,"audiences":["istio-ca"],"user":{"username":"system:serviceaccount:x"}})"),
      "the token is of \"system:serviceaccount:x\", which is no service account");
  EXPECT_EQ(says("[]"), "the API server does not accept the token");
  answer_ = {403, R"({"kind":"Status","message":"tokenreviews is forbidden","code":403})"};
  EXPECT_EQ(review(kToken), "the token could not be reviewed: tokenreviews is forbidden");
  answer_ = {201, "no JSON"};
  EXPECT_EQ(review(kToken), "the token could not be reviewed: the answer is no JSON");
  EXPECT_FALSE(reviews_.knows(kToken));
}

TEST_F(TokenReviewTest, WhatIsNoTokenIsNotAskedAbout) {
  for (const std::string& text : {std::string("secret"), std::string("a.!.b"), std::string("a.WzFd.b"),
                                  "e30.e30." + std::string(9000, 'x')}) {
    EXPECT_EQ(review(text), "the bearer token is no service account's token") << text.substr(0, 20);
  }
  EXPECT_TRUE(api_.calls.empty());
}

TEST_F(TokenReviewTest, ManyWhoAskForOneTokenAskOnce) {
  int answered = 0;
  std::vector<std::shared_ptr<void>> handles;
  for (int i = 0; i < 5; ++i) {
    handles.push_back(
        reviews_.review(kToken, [&](const Result<TokenOwner>& owner) { answered += owner.ok(); }));
  }
  handles.pop_back();  // given up
  ASSERT_TRUE(run_until(context_, [&] { return answered == 4; }));
  EXPECT_EQ(api_.calls.size(), 1U);
}

TEST_F(TokenReviewTest, AFloodOfTokensIsRefused) {
  api_.silent = true;
  int refused = 0;
  std::vector<std::shared_ptr<void>> handles;
  for (int i = 0; i < 300; ++i) {
    handles.push_back(reviews_.review("e30.e30." + std::to_string(i),
                                      [&](const Result<TokenOwner>& owner) { refused += !owner.ok(); }));
  }
  EXPECT_EQ(refused, 300 - 256);
}

TEST(Base64, ReadsBothAlphabetsAndRefusesTheRest) {
  EXPECT_EQ(istio::decode_base64("aGk_"), "hi?");
  EXPECT_EQ(istio::decode_base64("aGk/"), "hi?");
  EXPECT_EQ(istio::decode_base64("aGk="), "hi");
  EXPECT_EQ(istio::decode_base64("aG\nk"), "hi");
  EXPECT_EQ(istio::decode_base64(""), "");
  for (const char* text : {"a", "aGk=a", "a*==", "aGk==="}) EXPECT_FALSE(istio::decode_base64(text)) << text;
}

}  // namespace
}  // namespace remora::kubernetes
