#include "request_timeouts.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

class RequestTimeoutsTest : public testing::Test {
 protected:
  RequestTimeouts take(bool tunnel = false) {
    return take_timeouts(action_, http_, router_, per_try_, tunnel, request_);
  }
  std::string_view expected() const { return request_.value_of(HeaderId::kXEnvoyExpectedRqTimeoutMs); }

  RouteAction action_;
  HttpConnectionManagerConfig http_;
  RouterConfig router_;
  std::optional<Milliseconds> per_try_;
  HeaderMap request_;
};

TEST_F(RequestTimeoutsTest, AreTheRoutes) {
  EXPECT_EQ(take().response, Milliseconds(15000));
  EXPECT_EQ(expected(), "15000");
}

TEST_F(RequestTimeoutsTest, TheRequestMayWishAnother) {
  request_.add(HeaderId::kXEnvoyUpstreamRqTimeoutMs, "250");
  EXPECT_EQ(take().response, Milliseconds(250));
  EXPECT_EQ(expected(), "250");
  EXPECT_FALSE(request_.has(HeaderId::kXEnvoyUpstreamRqTimeoutMs));
}

TEST_F(RequestTimeoutsTest, AWishThatIsNoNumberDoesNotCountAndGoesNoFurther) {
  for (const auto* text : {"25ms", "", "-1", "1e3"}) {
    request_.set(HeaderId::kXEnvoyUpstreamRqTimeoutMs, text);
    EXPECT_EQ(take().response, Milliseconds(15000)) << text;
    EXPECT_FALSE(request_.has(HeaderId::kXEnvoyUpstreamRqTimeoutMs)) << text;
  }
}

TEST_F(RequestTimeoutsTest, AnAttemptThatIsShorterIsWhatTheUpstreamHears) {
  per_try_ = Milliseconds(100);
  EXPECT_EQ(take().response, Milliseconds(15000));
  EXPECT_EQ(expected(), "100");
}

TEST_F(RequestTimeoutsTest, WhatWasAnnouncedDoesNotCountUnlessTheRouterIsToldTo) {
  request_.add(HeaderId::kXEnvoyExpectedRqTimeoutMs, "40");
  request_.add(HeaderId::kXEnvoyUpstreamRqTimeoutMs, "250");
  EXPECT_EQ(take().response, Milliseconds(250));
  EXPECT_EQ(expected(), "250");
}

TEST_F(RequestTimeoutsTest, WhatWasAnnouncedWinsOverAWish) {
  router_.respect_expected_timeout = true;
  request_.add(HeaderId::kXEnvoyExpectedRqTimeoutMs, "40");
  request_.add(HeaderId::kXEnvoyUpstreamRqTimeoutMs, "250");
  EXPECT_EQ(take().response, Milliseconds(40));
  EXPECT_EQ(expected(), "40");
  EXPECT_TRUE(request_.has(HeaderId::kXEnvoyUpstreamRqTimeoutMs));  // as in Envoy: it was to be gone by now
}

TEST_F(RequestTimeoutsTest, AnAnnouncementThatIsNoNumberLeavesTheRoutes) {
  router_.respect_expected_timeout = true;
  request_.add(HeaderId::kXEnvoyExpectedRqTimeoutMs, "soon");
  request_.add(HeaderId::kXEnvoyUpstreamRqTimeoutMs, "250");
  EXPECT_EQ(take().response, Milliseconds(15000));
  EXPECT_EQ(expected(), "15000");
}

TEST_F(RequestTimeoutsTest, WithoutAnAnnouncementTheWishCounts) {
  router_.respect_expected_timeout = true;
  request_.add(HeaderId::kXEnvoyUpstreamRqTimeoutMs, "250");
  EXPECT_EQ(take().response, Milliseconds(250));
  EXPECT_FALSE(request_.has(HeaderId::kXEnvoyUpstreamRqTimeoutMs));
}

TEST_F(RequestTimeoutsTest, AFurtherAttemptHearsWhatIsLeft) {
  const auto told = [this](AttemptLimits limits) {
    request_.remove(HeaderId::kXEnvoyExpectedRqTimeoutMs);
    announce_time_left(action_, http_, limits, request_);
    return std::string(expected());
  };
  const Milliseconds whole(1000);
  const Milliseconds one(300);
  EXPECT_EQ(told({.response = whole, .elapsed = Milliseconds(400)}), "600");
  EXPECT_EQ(told({.response = whole, .per_try = one, .elapsed = Milliseconds(400)}), "300");
  EXPECT_EQ(told({.response = whole, .per_try = one, .elapsed = Milliseconds(900)}), "100");
  EXPECT_EQ(told({.response = whole, .per_try = one, .hedges = true, .elapsed = Milliseconds(400)}), "600");
  EXPECT_EQ(told({.response = whole, .per_try = Milliseconds(2000), .elapsed = Milliseconds(400)}), "600");
  EXPECT_EQ(told({.response = whole, .per_try = Milliseconds(0), .elapsed = Milliseconds(400)}), "600");
  EXPECT_EQ(told({.response = whole, .elapsed = Milliseconds(1000)}), "1");
  EXPECT_EQ(told({.per_try = one, .elapsed = Milliseconds(900)}), "300");
  EXPECT_EQ(told({.elapsed = Milliseconds(900)}), "");
  http_.suppress_envoy_headers = true;
  EXPECT_EQ(told({.response = whole}), "");
}

TEST_F(RequestTimeoutsTest, ATunnelHasNoResponseTime) {
  EXPECT_EQ(take(true).response, Milliseconds(0));
  EXPECT_EQ(expected(), "");
}

}  // namespace
}  // namespace remora
