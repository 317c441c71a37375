#include "jwt_authn/jwt_authn.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <absl/strings/escaping.h>

#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Message = envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication;
constexpr const char* kType =
    "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
constexpr const char* kSecret = "a secret that two know";

std::string encode(std::string_view text) { return absl::WebSafeBase64Escape({text.data(), text.size()}); }

/// A token of these claims, signed with the secret.
std::string token(const std::string& claims, const std::string& header = R"({"alg":"HS256"})") {
  const std::string text = encode(header) + "." + encode(claims);
  unsigned char code[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  HMAC(EVP_sha256(), kSecret, static_cast<int>(strlen(kSecret)),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), code, &length);
  return text + "." + encode({reinterpret_cast<const char*>(code), length});
}

std::string key_set() { return R"({"keys":[{"kty":"oct","k":")" + encode(kSecret) + R"("}]})"; }

struct JwtAuthn : FilterTest {
  JwtAuthn() {
    auto& provider = (*message.mutable_providers())["one"];
    provider.set_issuer("me");
    auto& rule = *message.add_rules();
    rule.mutable_match()->set_prefix("/");
    rule.mutable_requires_()->set_provider_name("one");
    exchange.request.add(HeaderId::kScheme, "http");
  }
  auto& provider() { return (*message.mutable_providers())["one"]; }
  void make() {
    factory = make_filter("jwt", kType, message.SerializeAsString(), false, context, "typed_config", report);
    if (factory) filter = factory->create();
  }
  void make_local() {
    provider().mutable_local_jwks()->set_inline_string(key_set());
    make();
  }
  void make_remote() {
    auto& uri = *provider().mutable_remote_jwks()->mutable_http_uri();
    uri.set_uri("https://keys.local:99/a?b");
    uri.set_cluster("keys");
    uri.mutable_timeout()->set_seconds(3);
    make();
  }
  void bring(const std::string& text) { exchange.request.set("authorization", "Bearer " + text); }
  Verdict ask() { return filter->on_request_head(exchange, exchange.request, true); }
  std::string refusal(Verdict verdict) {
    if (verdict.kind() != Verdict::Kind::kReply) return "-";
    return verdict.take_reply().body;
  }
  uint64_t count(filters::JwtStat stat) { return stats.scopes().front()->value(stat); }

  Message message;
};

TEST_F(JwtAuthn, LetsAGoodTokenPassAndTakesItAway) {
  make_local();
  bring(token(R"({"iss":"me"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue) << report.error_text();
  EXPECT_FALSE(exchange.request.get("authorization").has_value());
  EXPECT_EQ(count(filters::kJwtAllowed), 1u);
}

TEST_F(JwtAuthn, NamesTheKeysAndWhatTheyAreFor) {
  make_local();
  EXPECT_EQ(refusal(ask()), "Jwt is missing");
  bring(token(R"({"iss":"me"})", R"({"alg":"HS384"})"));
  EXPECT_EQ(refusal(ask()), "Jwt verification fails");
  bring(token(R"({"iss":"me"})", R"({"alg":"RS256"})"));
  EXPECT_EQ(refusal(ask()), "Jwt verification fails");
  bring(token(R"({"iss":"me"})", R"({"alg":"none"})"));
  EXPECT_EQ(refusal(ask()), "Jwt header [alg] is not supported");
  EXPECT_EQ(count(filters::kJwtDenied), 4u);
}

TEST_F(JwtAuthn, DeepJsonIsRefusedEarly) {
  make_local();
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "[";
  bring(token(R"({"iss":)" + deep));
  EXPECT_EQ(refusal(ask()), "Jwt payload is an invalid JSON");
}

TEST_F(JwtAuthn, RefusesConfigurationsByPath) {
  provider().mutable_local_jwks()->set_inline_string("{}");
  message.mutable_rules(0)->mutable_requires_()->set_provider_name("two");
  make();
  EXPECT_EQ(factory, nullptr);
  EXPECT_EQ(report.error_text(),
            "typed_config.providers[\"one\"].local_jwks: Jwks does not have [keys] field; "
            "typed_config.rules[0].requires.provider_name: Required provider ['two'] is not configured.");
}

TEST_F(JwtAuthn, FetchesKeysAndGoesOn) {
  make_remote();
  bring(token(R"({"iss":"me"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.fetched.cluster + " " + exchange.fetched.authority + " " + exchange.fetched.path,
            "keys keys.local:99 /a?b");
  EXPECT_EQ(exchange.fetched.timeout, Milliseconds(3000));
  EXPECT_TRUE(exchange.request.get("authorization").has_value());
  exchange.answer_fetch({200, key_set()});
  ASSERT_TRUE(exchange.resumed.has_value());
  EXPECT_EQ(exchange.resumed->kind(), Verdict::Kind::kContinue);
  EXPECT_FALSE(exchange.request.get("authorization").has_value());
  EXPECT_EQ(count(filters::kFetchSuccess), 1u);
  EXPECT_EQ(count(filters::kJwtCacheMiss), 1u) << "looks that were not the last do not count";
}

TEST_F(JwtAuthn, RefusesWhereNoKeysCome) {
  make_remote();
  bring(token(R"({"iss":"me"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  exchange.answer_fetch({500, ""});
  ASSERT_TRUE(exchange.resumed.has_value());
  EXPECT_EQ(refusal(std::move(*exchange.resumed)), "Jwks remote fetch is failed");
  EXPECT_EQ(count(filters::kFetchFailed), 1u);
}

TEST_F(JwtAuthn, AsksOnceForAllWhoWait) {
  make_remote();
  bring(token(R"({"iss":"me"})"));
  FakeExchange other;
  other.request.add("authorization", "Bearer " + token(R"({"iss":"me","sub":"other"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  EXPECT_EQ(filter->on_request_head(other, other.request, true).kind(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.fetches + other.fetches, 1);
  exchange.answer_fetch({200, key_set()});
  EXPECT_EQ(exchange.resumed->kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(other.resumed->kind(), Verdict::Kind::kContinue);
}

TEST_F(JwtAuthn, ARequestThatLeftIsNotTouched) {
  make_remote();
  bring(token(R"({"iss":"me"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  filter->on_complete(exchange);
  exchange.resumed.reset();
  exchange.answer_fetch({200, key_set()});
  EXPECT_FALSE(exchange.resumed.has_value());
}

TEST_F(JwtAuthn, AnAnswerAfterTheFilterHasGoneIsNobodys) {
  make_remote();
  bring(token(R"({"iss":"me"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  filter.reset();
  exchange.answer_fetch({200, key_set()});
}

TEST_F(JwtAuthn, RemembersTokens) {
  provider().mutable_jwt_cache_config();
  provider().set_forward(true);
  make_local();
  bring(token(R"({"iss":"me","exp":99999999999})"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(count(filters::kJwtCacheHit) * 10 + count(filters::kJwtCacheMiss), 21u);
  const size_t before = test::allocations();
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(test::allocations(), before);
}

TEST_F(JwtAuthn, TellsRoutesOfTheClaims) {
  provider().set_payload_in_metadata("payload");
  provider().set_clear_route_cache(true);
  make_local();
  bring(token(R"({"iss":"me","group":"beta"})"));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.routed_again, 1);
  const auto* payload = exchange.metadata_.find("envoy.filters.http.jwt_authn", "payload");
  ASSERT_NE(payload, nullptr);
  EXPECT_EQ(payload->find("group")->text(), "beta");
}

}  // namespace
}  // namespace remora
