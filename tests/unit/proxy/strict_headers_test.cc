#include "strict_headers.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

class StrictHeadersTest : public testing::Test {
 protected:
  std::optional<LocalReply> check(HeaderId header, std::string_view value) {
    HeaderMap request;
    request.add(header, value);
    return refuse_bad_headers({header}, request, details_);
  }
  std::string details_;
};

TEST_F(StrictHeadersTest, ANumberIsWhole) {
  for (const auto* good : {"0", "7", "18446744073709551615"})
    EXPECT_FALSE(check(HeaderId::kXEnvoyMaxRetries, good)) << good;
  for (const auto* bad : {"", "7.5", "-1", "7 8", "x", "18446744073709551616"})
    EXPECT_TRUE(check(HeaderId::kXEnvoyMaxRetries, bad)) << bad;
}

TEST_F(StrictHeadersTest, ConditionsAreOfTheirHeader) {
  EXPECT_FALSE(check(HeaderId::kXEnvoyRetryOn, "5xx,reset"));
  EXPECT_FALSE(check(HeaderId::kXEnvoyRetryOn, ""));
  EXPECT_FALSE(check(HeaderId::kXEnvoyRetryOn, "http3-post-connect-failure"));
  EXPECT_TRUE(check(HeaderId::kXEnvoyRetryOn, "5xx,cancelled"));
  EXPECT_FALSE(check(HeaderId::kXEnvoyRetryGrpcOn, "cancelled"));
  EXPECT_TRUE(check(HeaderId::kXEnvoyRetryGrpcOn, "http3-post-connect-failure"));
  EXPECT_TRUE(check(HeaderId::kXEnvoyRetryGrpcOn, "5xx"));
}

TEST_F(StrictHeadersTest, TheAnswerNamesHeaderAndValue) {
  const auto reply = check(HeaderId::kXEnvoyUpstreamRqTimeoutMs, "soon");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 400);
  EXPECT_EQ(reply->body, "invalid header 'x-envoy-upstream-rq-timeout-ms' with value 'soon'");
  EXPECT_EQ(reply->details, "request_headers_failed_strict_check{x-envoy-upstream-rq-timeout-ms}");
  EXPECT_EQ(reply->flag, ResponseFlag::kInvalidEnvoyRequestHeaders);
}

TEST_F(StrictHeadersTest, OthersAreNotLookedAt) {
  HeaderMap request;
  request.add(HeaderId::kXEnvoyMaxRetries, "x");
  EXPECT_FALSE(refuse_bad_headers({}, request, details_));
  EXPECT_FALSE(refuse_bad_headers({HeaderId::kXEnvoyRetryOn}, request, details_));
}

}  // namespace
}  // namespace remora
