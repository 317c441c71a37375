#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <array>

#include "jwt_authn/jwk.h"

namespace remora::filters {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

/// By the number at the algorithm's end.
const EVP_MD* digest_of(std::string_view algorithm) {
  if (algorithm.ends_with("384")) return EVP_sha384();
  return algorithm.ends_with("512") ? EVP_sha512() : EVP_sha256();
}

/// R and S side by side (RFC 7518 section 3.4) as OpenSSL has them; empty if they are not.
std::string der_of(std::string_view signature, const Jwk& jwk) {
  const size_t half = (static_cast<size_t>(EVP_PKEY_get_bits(jwk.key.get())) + 7) / 8;
  if (signature.size() != 2 * half) return {};
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> parts(ECDSA_SIG_new(), &ECDSA_SIG_free);
  BIGNUM* r = BN_bin2bn(bytes_of(signature), static_cast<int>(half), nullptr);
  BIGNUM* s = BN_bin2bn(bytes_of(signature.substr(half)), static_cast<int>(half), nullptr);
  if (parts == nullptr || r == nullptr || s == nullptr || ECDSA_SIG_set0(parts.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return {};
  }
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(parts.get(), &der);
  std::string out;
  if (length > 0) out.assign(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return out;
}

bool verify_hmac(const Jwk& jwk, std::string_view algorithm, std::string_view text,
                 std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> code{};
  unsigned int length = 0;
  const auto* made = HMAC(digest_of(algorithm), jwk.secret.data(), static_cast<int>(jwk.secret.size()),
                          bytes_of(text), text.size(), code.data(), &length);
  return made != nullptr && length == signature.size() &&
         CRYPTO_memcmp(code.data(), signature.data(), length) == 0;
}

bool verify_public(const Jwk& jwk, std::string_view algorithm, std::string_view text,
                   std::string_view signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const EVP_MD* digest = jwk.kind == Jwk::Kind::kEd25519 ? nullptr : digest_of(algorithm);
  EVP_PKEY_CTX* options = nullptr;  // belongs to `context`
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), &options, digest, nullptr, jwk.key.get()) != 1) {
    return false;
  }
  if (algorithm.starts_with("PS") && (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
                                      EVP_PKEY_CTX_set_rsa_mgf1_md(options, digest) != 1)) {
    return false;
  }
  std::string der;
  if (jwk.kind == Jwk::Kind::kEc) {
    der = der_of(signature, jwk);
    if (der.empty()) return false;
    signature = der;
  }
  return EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text),
                          text.size()) == 1;
}

}  // namespace

bool verify_signature(const Jwk& jwk, std::string_view algorithm, std::string_view text,
                      std::string_view signature) {
  const bool good = jwk.kind == Jwk::Kind::kOct ? verify_hmac(jwk, algorithm, text, signature)
                                                : verify_public(jwk, algorithm, text, signature);
  ERR_clear_error();
  return good;
}

}  // namespace remora::filters
