#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jwt_authn/status.h"
#include "remora/config/metadata.h"

namespace remora::filters {

/// A token in its compact form, taken apart. Nothing in it is to be believed before verify() said so
/// (jwks.h). Source: RFC 7519, RFC 7515.
struct Jwt {
  std::string algorithm;
  std::string key_id;
  std::string issuer;
  std::string subject;
  std::vector<std::string> audiences;
  uint64_t not_before = 0;  ///< seconds since 1970; 0: not said
  uint64_t expires = 0;
  uint64_t issued = 0;
  MetadataValue::Object header;
  MetadataValue::Object payload;
  std::string signed_part;  ///< header and payload as they came, with the dot between them
  size_t payload_at = 0;    ///< where the payload begins in it
  std::string signature;

  [[nodiscard]] std::string_view encoded_payload() const {
    return std::string_view(signed_part).substr(payload_at);
  }
  /// Neither too early nor too late, by clocks that differ by so much. Seconds.
  [[nodiscard]] JwtStatus check_time(uint64_t now, uint64_t clock_skew) const;
};

/// kOk, or what is wrong with the token; then `out` is of no use.
JwtStatus parse_jwt(std::string_view token, Jwt& out);

}  // namespace remora::filters
