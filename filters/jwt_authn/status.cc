#include "jwt_authn/status.h"

#include <algorithm>
#include <array>
#include <string>

namespace remora::filters {
namespace {

constexpr size_t kStatuses = static_cast<size_t>(JwtStatus::kCount);

// In the order of JwtStatus.
constexpr std::array<std::string_view, kStatuses> kTexts = {
    "OK",
    "Jwt is missing",
    "Jwt not yet valid",
    "Jwt is expired",
    "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    "Jwt header is an invalid Base64url encoded",
    "Jwt header is an invalid JSON",
    "Jwt header [alg] field is required and must be a string",
    "Jwt header [alg] is not supported",
    "Jwt header [kid] field is not a string",
    "Jwt payload is an invalid Base64url encoded",
    "Jwt payload is an invalid JSON",
    "Jwt payload [iss] field is not a string",
    "Jwt payload [sub] field is not a string",
    "Jwt payload [iat] field is not an integer",
    "Jwt payload [iat] field is not a positive 64 bit integer",
    "Jwt payload [nbf] field is not an integer",
    "Jwt payload [nbf] field is not a positive 64 bit integer",
    "Jwt payload [exp] field is not an integer",
    "Jwt payload [exp] field is not a positive 64 bit integer",
    "Jwt payload [jti] field is not a string",
    "Jwt payload [aud] field is not a string or string list",
    "Jwt signature is an invalid Base64url encoded",
    "Jwt ED25519 signature is wrong length",
    "Jwt issuer is not configured",
    "Audiences in Jwt are not allowed",
    "Jwt verification fails",
    "Jwks doesn't have any valid public key",
    "Jwks doesn't have key to match kid or alg from Jwt",
    "Jwks remote fetch is failed",
};

std::array<std::string, kStatuses> make_details() {
  std::array<std::string, kStatuses> details;
  for (size_t i = 0; i < kStatuses; ++i) {
    details[i].append("jwt_authn_access_denied{").append(kTexts[i]).append("}");
    std::ranges::replace(details[i], ' ', '_');
  }
  return details;
}

}  // namespace

std::string_view text_of(JwtStatus status) { return kTexts[static_cast<size_t>(status)]; }

std::string_view details_of(JwtStatus status) {
  static const auto kDetails = make_details();
  return kDetails[static_cast<size_t>(status)];
}

}  // namespace remora::filters
