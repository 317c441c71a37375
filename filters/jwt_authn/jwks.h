#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jwt_authn/jwt.h"
#include "remora/core/result.h"

namespace remora::filters {

struct Jwk;  // one public key, or one shared secret (jwk.h)

/// The keys that an issuer signs with. Immutable, shared by all workers. Source: RFC 7517.
class Jwks {
 public:
  static constexpr size_t kMaxBytes = size_t{1024} * 1024;
  static constexpr size_t kMaxKeys = 256;

  /// A JSON Web Key Set, or an object of certificates (PEM) by key id. Keys of a kind that this build does
  /// not know are left out, as RFC 7517 section 5 has it. Errors, in Envoy's words: no JSON, no keys, none
  /// that can be used.
  static Result<std::shared_ptr<const Jwks>> parse(std::string_view text);
  ~Jwks();

  /// Whether one of the keys made the token's signature. Only keys of the token's own algorithm are asked,
  /// and, where both name one, of its key id.
  [[nodiscard]] JwtStatus verify(const Jwt& jwt) const;
  [[nodiscard]] size_t size() const { return keys_.size(); }

 private:
  Jwks();
  std::vector<std::unique_ptr<const Jwk>> keys_;
};

}  // namespace remora::filters
