#include "istio/build/jwt.h"

#include <algorithm>

#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"

namespace remora::istio {
namespace {

namespace v3 = envoy::extensions::filters::http::jwt_authn::v3;

/// Istio's own; claims that are lists of words in one text, in every mesh.
constexpr int kCacheSeconds = 300;
constexpr const char* kScope = "scope";
constexpr const char* kPermission = "permission";

void set_keys(const JwtRule& rule, v3::JwtProvider& provider) {
  if (!rule.jwks.empty()) {
    provider.mutable_local_jwks()->set_inline_string(rule.jwks);
    return;
  }
  const auto address = parse_jwks_uri(rule.jwks_uri).value_or(JwksAddress());
  auto& remote = *provider.mutable_remote_jwks();
  auto& uri = *remote.mutable_http_uri();
  uri.set_uri(rule.jwks_uri);
  uri.set_cluster(outbound_cluster_name(address.port, "", address.host));
  set_duration(rule.timeout, *uri.mutable_timeout());
  remote.mutable_cache_duration()->set_seconds(kCacheSeconds);
}

v3::JwtProvider to_provider(const JwtRule& rule, bool routes_by_claims) {
  v3::JwtProvider provider;
  provider.set_clear_route_cache(routes_by_claims);
  provider.set_issuer(rule.issuer);
  for (const std::string& audience : rule.audiences) provider.add_audiences(audience);
  set_keys(rule, provider);
  for (const auto& header : rule.from_headers) {
    auto& location = *provider.add_from_headers();
    location.set_name(header.name);
    location.set_value_prefix(header.prefix);
  }
  for (const std::string& name : rule.from_params) provider.add_from_params(name);
  for (const std::string& name : rule.from_cookies) provider.add_from_cookies(name);
  provider.set_forward(rule.forward);
  provider.set_forward_payload_header(rule.payload_header);
  for (const auto& [header, claim] : rule.claim_headers) {
    auto& out = *provider.add_claim_to_headers();
    out.set_header_name(header);
    out.set_claim_name(claim);
  }
  provider.set_payload_in_metadata(kJwtPayload);
  auto words = rule.space_delimited;
  words.insert(words.end(), {kPermission, kScope});
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  for (const std::string& word : words)
    provider.mutable_normalize_payload_in_metadata()->add_space_delimited_claims(word);
  return provider;
}

v3::JwtRequirement named(const std::string& provider) {
  v3::JwtRequirement requirement;
  requirement.set_provider_name(provider);
  return requirement;
}

/// A good token of the provider, or none.
v3::JwtRequirement good_or_none(const std::string& provider) {
  v3::JwtRequirement requirement;
  auto& any = *requirement.mutable_requires_any();
  *any.add_requirements() = named(provider);
  any.add_requirements()->mutable_allow_missing();
  return requirement;
}

}  // namespace

/// Every rule looks for its own tokens; where several look at the same place, a token is good if one of them
/// finds it so. This is the shape that istiod gives it.
v3::JwtAuthentication build_jwt_filter(const std::vector<const JwtRule*>& rules, bool routes_by_claims) {
  v3::JwtAuthentication filter;
  filter.set_bypass_cors_preflight(true);
  auto& rule = *filter.add_rules();
  rule.mutable_match()->set_prefix("/");
  v3::JwtRequirementOrList any;
  v3::JwtRequirement each;
  for (size_t i = 0; i < rules.size(); ++i) {
    const std::string name = "origins-" + std::to_string(i);
    (*filter.mutable_providers())[name] = to_provider(*rules[i], routes_by_claims);
    *any.add_requirements() = named(name);
    *each.mutable_requires_all()->add_requirements() = good_or_none(name);
  }
  if (rules.size() == 1) {
    *rule.mutable_requires_() = each.requires_all().requirements(0);
  } else {
    *any.add_requirements() = each;
    *rule.mutable_requires_()->mutable_requires_any() = any;
  }
  return filter;
}

}  // namespace remora::istio
