#include "jwt_authn/provider.h"

#include <algorithm>

namespace remora::filters {
namespace {

std::string_view bare(std::string_view audience) {
  const std::string_view whole = audience;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (audience.starts_with(scheme)) {
      audience.remove_prefix(scheme.size());
      break;
    }
  }
  if (audience.ends_with('/')) audience.remove_suffix(1);
  return audience.empty() ? whole : audience;
}

}  // namespace

JwtAudiences::JwtAudiences(const std::vector<std::string>& audiences) {
  for (const std::string& audience : audiences) allowed_.emplace_back(bare(audience));
  std::ranges::sort(allowed_);
}

bool JwtAudiences::allow(const std::vector<std::string>& of_token) const {
  return allowed_.empty() || std::ranges::any_of(of_token, [this](const std::string& audience) {
           return std::binary_search(allowed_.begin(), allowed_.end(), bare(audience), std::less<>());
         });
}

JwtStatus JwtProvider::check_claims(const Jwt& jwt, const JwtAudiences* instead, uint64_t now) const {
  if (subjects && !subjects->matches(jwt.subject)) return JwtStatus::kVerification;
  if ((require_expiration || max_lifetime) && jwt.expires == 0) return JwtStatus::kVerification;
  if (max_lifetime && jwt.expires > now && jwt.expires - now > *max_lifetime) return JwtStatus::kVerification;
  if (const auto status = jwt.check_time(now, clock_skew); status != JwtStatus::kOk) return status;
  const bool allowed = (instead == nullptr ? audiences : *instead).allow(jwt.audiences);
  return allowed ? JwtStatus::kOk : JwtStatus::kAudience;
}

}  // namespace remora::filters
