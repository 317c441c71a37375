#pragma once

#include <cstdint>
#include <string_view>

namespace remora::filters {

/// What came of looking at a token. The numbers are those that Envoy puts into dynamic metadata
/// (failed_status_in_metadata).
enum class JwtStatus : uint8_t {
  kOk,
  kMissing,
  kNotYetValid,
  kExpired,
  kBadFormat,
  kHeaderBase64,
  kHeaderJson,
  kHeaderAlgorithm,
  kHeaderUnknownAlgorithm,
  kHeaderKeyId,
  kPayloadBase64,
  kPayloadJson,
  kIssuerNotString,
  kSubjectNotString,
  kIssuedNotInteger,
  kIssuedNotPositive,
  kNotBeforeNotInteger,
  kNotBeforeNotPositive,
  kExpiryNotInteger,
  kExpiryNotPositive,
  kIdNotString,
  kAudienceNotString,
  kSignatureBase64,
  kEd25519Length,
  kUnknownIssuer,
  kAudience,
  kVerification,
  kNoValidKeys,
  kKeyMismatch,
  kFetchFailed,
  kCount,
};

/// What a client is told: Envoy's words, so that whoever watches for them finds them.
std::string_view text_of(JwtStatus status);
/// The response code details of a request that is refused for it. Static.
std::string_view details_of(JwtStatus status);

}  // namespace remora::filters
