#include <gtest/gtest.h>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "istio/build/jwt.h"
#include "istio/build/translate.h"
#include "istio/model/resource.h"

namespace remora::istio {
namespace {

ResourcePtr policy(const std::string& ns, Labels selector, std::vector<std::string> issuers) {
  RequestAuthentication spec;
  spec.selector = std::move(selector);
  for (const std::string& issuer : issuers) {
    JwtRule rule;
    rule.issuer = issuer;
    rule.jwks = "{}";
    spec.rules.push_back(rule);
  }
  auto resource = std::make_shared<Resource>();
  resource->kind = "RequestAuthentication";
  resource->ns = ns;
  resource->name = "p";
  resource->spec = std::move(spec);
  return resource;
}

std::string issuers(const std::vector<const JwtRule*>& rules) {
  std::string out;
  for (const JwtRule* rule : rules) out += rule->issuer + " ";
  return out;
}

TEST(JwtPolicies, OfTheMeshTheNamespaceAndTheWorkloadHoldTogether) {
  const JwtPolicies policies(
      {policy("shop", {}, {"shop"}), policy("shop", {{"app", "web"}}, {"web"}), policy("root", {}, {"mesh"}),
       policy("root", {{"app", "db"}}, {"dbs"}), policy("other", {}, {"other"})},
      "root");
  EXPECT_EQ(issuers(policies.rules_for("shop", {{"app", "web"}})), "mesh shop web ");
  EXPECT_EQ(issuers(policies.rules_for("shop", {{"app", "db"}})), "dbs mesh shop ");
  EXPECT_EQ(issuers(policies.rules_for("root", {})), "mesh ");
  EXPECT_EQ(issuers(policies.rules_for("none", {})), "mesh ");
}

TEST(JwtPolicies, OneRuleIsAGoodTokenOrNone) {
  JwtRule rule;
  rule.issuer = "me";
  rule.jwks = "{}";
  rule.audiences = {"web"};
  rule.claim_headers = {{"x-sub", "sub"}};
  rule.space_delimited = {"groups", "scope"};
  const auto filter = build_jwt_filter({&rule});
  ASSERT_EQ(filter.rules_size(), 1);
  const auto& any = filter.rules(0).requires_().requires_any();
  ASSERT_EQ(any.requirements_size(), 2);
  EXPECT_EQ(any.requirements(0).provider_name(), "origins-0");
  EXPECT_TRUE(any.requirements(1).has_allow_missing());
  const auto& provider = filter.providers().at("origins-0");
  EXPECT_EQ(provider.issuer(), "me");
  EXPECT_EQ(provider.local_jwks().inline_string(), "{}");
  EXPECT_EQ(provider.payload_in_metadata(), "payload");
  EXPECT_EQ(provider.claim_to_headers(0).claim_name(), "sub");
  const auto& words = provider.normalize_payload_in_metadata().space_delimited_claims();
  EXPECT_EQ((std::vector<std::string>(words.begin(), words.end())),
            (std::vector<std::string>{"groups", "permission", "scope"}));
  EXPECT_TRUE(filter.bypass_cors_preflight());
}

TEST(JwtPolicies, SeveralRulesAreEachOrAllOfThem) {
  JwtRule a;
  JwtRule b;
  a.jwks = "{}";
  b.jwks_uri = "https://keys.example.com:8443/a/keys";
  const auto filter = build_jwt_filter({&a, &b});
  const auto& any = filter.rules(0).requires_().requires_any();
  ASSERT_EQ(any.requirements_size(), 3);
  EXPECT_EQ(any.requirements(1).provider_name(), "origins-1");
  EXPECT_EQ(any.requirements(2).requires_all().requirements_size(), 2);
  const auto& uri = filter.providers().at("origins-1").remote_jwks().http_uri();
  EXPECT_EQ(uri.cluster(), "outbound|8443||keys.example.com");
  EXPECT_EQ(uri.uri(), "https://keys.example.com:8443/a/keys");
}

TEST(JwksUri, NamesHostAndPort) {
  const auto text = [](const std::string& uri) {
    const auto found = parse_jwks_uri(uri);
    return found ? found->host + " " + std::to_string(found->port) : std::string("-");
  };
  EXPECT_EQ(text("http://a/keys"), "a 80");
  EXPECT_EQ(text("https://a.b?x"), "a.b 443");
  EXPECT_EQ(text("https://a:1"), "a 1");
  for (const char* bad :
       {"a/keys", "ftp://a", "http://", "http://a:0", "http://a:70000", "http://a:x", "http://u@a/"})
    EXPECT_EQ(text(bad), "-") << bad;
}

TEST(ClaimMatch, BecomesAConditionOnTheMetadata) {
  HttpMatch match;
  match.headers = {{"@request.auth.claims[group][Id]", StringMatch{StringMatch::Kind::kExact, "beta"}},
                   {"@request.auth.claims.sub", std::nullopt},
                   {"@request.auth.claimsx", std::nullopt}};
  match.without_headers = {{"@request.auth.claims.a.b", StringMatch{StringMatch::Kind::kPrefix, "x"}}};
  envoy::config::route::v3::RouteMatch out;
  apply_route_match(match, out);
  ASSERT_EQ(out.dynamic_metadata_size(), 3);
  ASSERT_EQ(out.headers_size(), 1);
  const auto& group = out.dynamic_metadata(0);
  EXPECT_EQ(group.filter(), "envoy.filters.http.jwt_authn");
  ASSERT_EQ(group.path_size(), 3);
  EXPECT_EQ(group.path(0).key() + group.path(1).key() + group.path(2).key(), "payloadgroupId");
  EXPECT_EQ(group.value().or_match().value_matchers(0).list_match().one_of().string_match().exact(), "beta");
  EXPECT_EQ(group.value().or_match().value_matchers(1).string_match().exact(), "beta");
  EXPECT_TRUE(out.dynamic_metadata(1).value().present_match());
  EXPECT_TRUE(out.dynamic_metadata(2).invert());
  EXPECT_EQ(out.dynamic_metadata(2).path_size(), 3);
}

}  // namespace
}  // namespace remora::istio
