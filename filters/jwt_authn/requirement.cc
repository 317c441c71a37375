#include "jwt_authn/requirement.h"

#include <algorithm>
#include <utility>

#include "jwt_authn/claims.h"

namespace remora::filters {

JwtStatus JwtCheck::check(const JwtRequirement& requirement) {
  using Kind = JwtRequirement::Kind;
  switch (requirement.kind) {
    case Kind::kNothing: break;
    case Kind::kProvider:
      return check_tokens({.locations = requirement.provider->locations,
                           .provider = requirement.provider,
                           .audiences = requirement.audiences ? &*requirement.audiences : nullptr});
    case Kind::kAny: return check_any(requirement);
    case Kind::kAll: return check_all(requirement);
    case Kind::kAllowMissing:
      return check_tokens({.locations = requirement.locations, .allow_missing = true});
    case Kind::kAllowMissingOrFailed:
      return check_tokens({.locations = requirement.locations, .allow_failed = true, .allow_missing = true});
  }
  return JwtStatus::kOk;
}

/// Of several failures the one is told that says most: a token that is there and bad, before one of somebody
/// else's, before none.
JwtStatus JwtCheck::check_any(const JwtRequirement& requirement) {
  auto found = JwtStatus::kMissing;
  for (const JwtRequirement& part : requirement.parts) {
    const JwtStatus status = check(part);
    if (needs_ != nullptr || status == JwtStatus::kOk) return status;
    if ((status != JwtStatus::kMissing && status != JwtStatus::kUnknownIssuer) ||
        found == JwtStatus::kMissing) {
      found = status;
    }
  }
  const bool passes = requirement.or_failed || (requirement.or_missing && found == JwtStatus::kMissing);
  return passes ? JwtStatus::kOk : found;
}

JwtStatus JwtCheck::check_all(const JwtRequirement& requirement) {
  for (const JwtRequirement& part : requirement.parts) {
    const JwtStatus status = check(part);
    if (needs_ != nullptr || status != JwtStatus::kOk) return status;
  }
  return JwtStatus::kOk;
}

/// All tokens must be good: an application may look at another one than we.
JwtStatus JwtCheck::check_tokens(const Tokens& tokens) {
  FoundTokens found;
  tokens.locations.find(head_, found);
  auto status = JwtStatus::kMissing;
  while (!found.empty()) {
    status = check_token(found.back(), tokens);
    found.pop_back();
    if (needs_ != nullptr) return status;
    if (status == JwtStatus::kOk) continue;
    note_failure(tokens.provider, status);
    if (!tokens.allow_failed && !tokens.allow_missing) return status;
  }
  if (tokens.allow_failed || (tokens.allow_missing && status == JwtStatus::kMissing)) return JwtStatus::kOk;
  return status;
}

JwtStatus JwtCheck::check_token(const FoundToken& found, const Tokens& tokens) {
  const JwtProvider* provider = tokens.provider;
  const Jwt* jwt = nullptr;
  if (provider != nullptr) {
    auto& state = worker_.states[provider->number];
    if (state.source) state.cache.use(state.source->keys(time_.monotonic));
    jwt = state.cache.find(found.token);
    if (worker_.stats != nullptr) worker_.stats->add(jwt != nullptr ? kJwtCacheHit : kJwtCacheMiss);
  }
  const bool known = jwt != nullptr;
  std::unique_ptr<Jwt> parsed;
  if (!known) {
    parsed = std::make_unique<Jwt>();
    if (const auto status = parse_jwt(found.token, *parsed); status != JwtStatus::kOk) return status;
    jwt = parsed.get();
  }
  if (!found.location->allows(jwt->issuer)) return JwtStatus::kUnknownIssuer;
  if (provider == nullptr) provider = issued_by(jwt->issuer);
  if (provider == nullptr) return JwtStatus::kUnknownIssuer;
  auto status = provider->check_claims(*jwt, tokens.audiences, time_.wall);
  if (status == JwtStatus::kOk && !known) status = check_signature(*provider, *jwt);
  if (status != JwtStatus::kOk || needs_ != nullptr) return status;
  accept(*provider, *jwt, *found.location);
  if (!known && tokens.provider != nullptr)
    worker_.states[provider->number].cache.insert(found.token, std::move(parsed));
  return JwtStatus::kOk;
}

JwtStatus JwtCheck::check_signature(const JwtProvider& provider, const Jwt& jwt) {
  if (provider.local) return provider.local->verify(jwt);
  if (const Jwks* keys = worker_.states[provider.number].source->keys(time_.monotonic))
    return keys->verify(jwt);
  if (std::ranges::find(not_fetched_, &provider) != not_fetched_.end()) return JwtStatus::kFetchFailed;
  needs_ = &provider;
  return JwtStatus::kFetchFailed;
}

const JwtProvider* JwtCheck::issued_by(const std::string& issuer) const {
  const JwtProvider* of_anybody = nullptr;
  for (const auto& [name, provider] : worker_.providers) {
    if (provider->issuer == issuer) return provider.get();
    if (provider->issuer.empty() && of_anybody == nullptr) of_anybody = provider.get();
  }
  return of_anybody;
}

void JwtCheck::accept(const JwtProvider& provider, const Jwt& jwt, const JwtLocation& location) {
  add_claim_headers(provider, jwt, head_);
  if (!provider.forward) location.remove_from(head_);
  if (!provider.header_in_metadata.empty()) extracted_[provider.header_in_metadata].value = jwt.header;
  if (!provider.payload_in_metadata.empty())
    extracted_[provider.payload_in_metadata].value = metadata_of(provider, jwt);
  clears_route_ = clears_route_ || provider.clear_route_cache;
}

void JwtCheck::note_failure(const JwtProvider* provider, JwtStatus status) {
  if (provider == nullptr || provider->failure_in_metadata.empty()) return;
  MetadataValue::Object said;
  said["code"].value = static_cast<double>(status);
  said["message"].value = std::string(text_of(status));
  extracted_[provider->failure_in_metadata].value = std::move(said);
}

}  // namespace remora::filters
