#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jwt_authn/jwks.h"
#include "jwt_authn/jwks_source.h"
#include "jwt_authn/locations.h"
#include "remora/config/matchers.h"

namespace remora::filters {

/// Whom a token may be for. Compared without scheme and without a slash at the end, as Envoy does. Empty:
/// everybody.
class JwtAudiences {
 public:
  JwtAudiences() = default;
  explicit JwtAudiences(const std::vector<std::string>& audiences);
  [[nodiscard]] bool allow(const std::vector<std::string>& of_token) const;

 private:
  std::vector<std::string> allowed_;  // sorted
};

/// envoy.extensions.filters.http.jwt_authn.v3.JwtProvider: an issuer, its keys, where its tokens stand, and
/// what becomes of a good one.
struct JwtProvider {
  struct ClaimHeader {
    std::string header;              ///< lower-case
    std::vector<std::string> claim;  ///< the way to it, from the payload down
  };
  size_t number = 0;  ///< among the filter's providers
  std::string name;
  std::string issuer;  ///< empty: whoever
  JwtAudiences audiences;
  std::optional<StringMatcher> subjects;
  bool require_expiration = false;
  std::optional<uint64_t> max_lifetime;  ///< seconds from now to a token's end
  uint64_t clock_skew = 60;
  std::shared_ptr<const Jwks> local;         ///< either these,
  std::shared_ptr<const JwksRemote> remote;  ///< or those that are fetched
  std::vector<JwtLocation> own_locations;
  JwtLocations locations;
  bool forward = false;
  std::string payload_header;  ///< lower-case; empty: none
  bool pad_payload = false;
  std::vector<ClaimHeader> claim_headers;
  std::string payload_in_metadata;  ///< empty: not
  std::string header_in_metadata;
  std::string failure_in_metadata;
  std::vector<std::string> space_delimited;  ///< claims that become lists in the metadata
  bool clear_route_cache = false;
  size_t cache_size = 0;  ///< 0: tokens are checked each time
  size_t max_cached_token = 4096;

  /// What the token itself says, without its signature.
  [[nodiscard]] JwtStatus check_claims(const Jwt& jwt, const JwtAudiences* instead, uint64_t now) const;
};

}  // namespace remora::filters
