#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "remora/config/metadata.h"
#include "remora/core/result.h"

namespace remora::filters {

/// One key of a set.
struct Jwk {
  enum class Kind : uint8_t { kRsa, kEc, kOct, kEd25519 };
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  Kind kind = Kind::kRsa;
  std::string id;         ///< empty: not said
  std::string algorithm;  ///< empty: whatever fits the kind
  std::string curve;      ///< kEc
  std::string secret;     ///< kOct
  std::unique_ptr<EVP_PKEY, Free> key;

  /// Whether a token of that algorithm can have been signed with it at all. A token does not choose how its
  /// key is used: one that says HS256 is never checked against a public key.
  [[nodiscard]] bool fits(std::string_view wanted) const;
};

/// Error: why the key cannot be used.
Result<Jwk> parse_jwk(const MetadataValue::Object& json);
Result<Jwk> jwk_of_certificate(const std::string& id, const std::string& pem);

/// Whether `signature` is one of `text` under the key. Only where it fits(). No error is left in OpenSSL's
/// queue.
bool verify_signature(const Jwk& jwk, std::string_view algorithm, std::string_view text,
                      std::string_view signature);

}  // namespace remora::filters
