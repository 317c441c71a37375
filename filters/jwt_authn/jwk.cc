#include "jwt_authn/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <utility>

#include "jwt_authn/json.h"

namespace remora::filters {
namespace {

using Object = MetadataValue::Object;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)>;
using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

struct Curve {
  std::string_view name;
  std::string_view algorithm;
  const char* group;
  size_t bytes;  // of a coordinate
};
constexpr std::array<Curve, 3> kCurves = {{{"P-256", "ES256", "prime256v1", 32},
                                           {"P-384", "ES384", "secp384r1", 48},
                                           {"P-521", "ES512", "secp521r1", 66}}};

/// A member that must be a text; `what` as in "for a RSA key".
Result<std::string> text(const Object& json, const std::string& name, const std::string& what) {
  const auto found = json.find(name);
  if (found == json.end()) return Error{"[" + name + "] field is missing " + what};
  if (found->second.string() == nullptr) return Error{"[" + name + "] field is not string " + what};
  return *found->second.string();
}

/// A text that may be absent, or of a kind that is passed over.
std::string text_or_none(const Object& json, std::string_view name) {
  const auto found = json.find(name);
  return found == json.end() || found->second.string() == nullptr ? std::string() : *found->second.string();
}

Result<std::string> bytes(const Object& json, const std::string& name, const std::string& what,
                          const char* fault) {
  auto encoded = text(json, name, what);
  if (!encoded) return encoded;
  auto decoded = decode_base64url(*encoded);
  if (!decoded || decoded->empty()) return Error{fault};
  return std::move(*decoded);
}

Number number_of(const std::string& big_endian) {
  return {BN_bin2bn(reinterpret_cast<const unsigned char*>(big_endian.data()),
                    static_cast<int>(big_endian.size()), nullptr),
          &BN_free};
}

/// A public key of `type` from what was put into `builder`; null if OpenSSL refuses it.
EVP_PKEY* make_key(const char* type, const Builder& builder) {
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      OSSL_PARAM_BLD_to_param(builder.get()), &OSSL_PARAM_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr), &EVP_PKEY_CTX_free);
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    ERR_clear_error();
    return nullptr;
  }
  return key;
}

Result<void> read_rsa(const Object& json, Jwk& out) {
  constexpr const char* kBad = "Jwks RSA [n] or [e] field is missing or has a parse error";
  constexpr size_t kMostBytes = 16384 / 8;
  constexpr int kLeastBits = 512;
  out.kind = Jwk::Kind::kRsa;
  if (!out.algorithm.empty() && !out.algorithm.starts_with("RS") && !out.algorithm.starts_with("PS"))
    return Error{"[alg] is not started with [RS] or [PS] for an RSA key"};
  const auto n = bytes(json, "n", "for a RSA key", kBad);
  if (!n) return n.error();
  const auto e = bytes(json, "e", "for a RSA key", kBad);
  if (!e) return e.error();
  const Number modulus = number_of(*n);
  const Number exponent = number_of(*e);
  // Other exponents are nobody's: they would only make checking slow.
  const bool usual = BN_is_word(exponent.get(), 3) == 1 || BN_is_word(exponent.get(), 65537) == 1;
  if (n->size() > kMostBytes || BN_num_bits(modulus.get()) < kLeastBits || !usual) return Error{kBad};
  const Builder builder(OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  out.key.reset(make_key("RSA", builder));
  if (out.key == nullptr) return Error{kBad};
  return {};
}

const Curve* curve_of(const std::string& name, const std::string& algorithm) {
  for (const Curve& curve : kCurves) {
    if (name == curve.name || (name.empty() && algorithm == curve.algorithm)) return &curve;
  }
  return name.empty() && algorithm.empty() ? kCurves.data() : nullptr;
}

/// Both coordinates, at full length, in one piece (SEC 1 section 2.3.3).
std::string point_of(const std::string& x, const std::string& y, size_t length) {
  std::string point(1 + 2 * length, '\0');
  point[0] = 4;
  point.replace(1 + length - x.size(), x.size(), x);
  point.replace(1 + 2 * length - y.size(), y.size(), y);
  return point;
}

Result<void> read_ec(const Object& json, Jwk& out) {
  constexpr const char* kBad = "Jwks EC [x] or [y] field is an invalid Base64.";
  constexpr const char* kNoPoint = "Jwks EC [x] and [y] fields have a parse error.";
  out.kind = Jwk::Kind::kEc;
  if (!out.algorithm.empty() && !out.algorithm.starts_with("ES"))
    return Error{"[alg] is not started with [ES] for an EC key"};
  const Curve* curve = curve_of(text_or_none(json, "crv"), out.algorithm);
  if (curve == nullptr) return Error{"[crv] or [alg] field is not supported for an EC key"};
  if (!out.algorithm.empty() && out.algorithm != curve->algorithm)
    return Error{"[crv] field specified is not compatible with [alg] for an EC key"};
  out.curve = curve->name;
  const auto x = bytes(json, "x", "for an EC key", kBad);
  if (!x) return x.error();
  const auto y = bytes(json, "y", "for an EC key", kBad);
  if (!y) return y.error();
  if (x->size() > curve->bytes || y->size() > curve->bytes) return Error{kNoPoint};
  const std::string point = point_of(*x, *y, curve->bytes);
  const Builder builder(OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  out.key.reset(make_key("EC", builder));
  if (out.key == nullptr) return Error{kNoPoint};
  return {};
}

Result<void> read_oct(const Object& json, Jwk& out) {
  out.kind = Jwk::Kind::kOct;
  if (!out.algorithm.empty() && !out.algorithm.starts_with("HS"))
    return Error{"[alg] does not start with [HS] for an HMAC key"};
  auto secret = bytes(json, "k", "for an HMAC key", "Jwks Oct key is an invalid Base64");
  if (!secret) return secret.error();
  out.secret = std::move(*secret);
  return {};
}

Result<void> read_okp(const Object& json, Jwk& out) {
  constexpr size_t kBytes = 32;
  constexpr const char* kLength = "Jwks OKP [x] field is wrong length.";
  out.kind = Jwk::Kind::kEd25519;
  if (!out.algorithm.empty() && out.algorithm != "EdDSA") return Error{"[alg] is not [EdDSA] for an OKP key"};
  const auto curve = text(json, "crv", "for an OKP key");
  if (!curve) return curve.error();
  if (*curve != "Ed25519") return Error{"[crv] field is not supported for an OKP key"};
  const auto x = bytes(json, "x", "for an OKP key", "Jwks OKP [x] field is an invalid Base64.");
  if (!x) return x.error();
  if (x->size() != kBytes) return Error{kLength};
  out.key.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr,
                                            reinterpret_cast<const unsigned char*>(x->data()), x->size()));
  if (out.key == nullptr) return Error{kLength};
  return {};
}

Result<void> read_kind(const std::string& kind, const Object& json, Jwk& out) {
  if (kind == "RSA") return read_rsa(json, out);
  if (kind == "EC") return read_ec(json, out);
  if (kind == "oct") return read_oct(json, out);
  if (kind == "OKP") return read_okp(json, out);
  return Error{"[kty] is not supported in [keys]"};
}

}  // namespace

bool Jwk::fits(std::string_view wanted) const {
  switch (kind) {
    case Kind::kRsa: return wanted.starts_with("RS") || wanted.starts_with("PS");
    case Kind::kOct: return wanted.starts_with("HS");
    case Kind::kEd25519: return wanted == "EdDSA";
    case Kind::kEc: break;
  }
  const Curve* own = curve_of(curve, {});
  return own != nullptr && wanted == own->algorithm;
}

Result<Jwk> parse_jwk(const Object& json) {
  const auto kind = json.find("kty");
  if (kind == json.end()) return Error{"[kty] is missing in [keys]"};
  if (kind->second.string() == nullptr) return Error{"[kty] is bad in [keys]"};
  Jwk out;
  out.id = text_or_none(json, "kid");
  out.algorithm = text_or_none(json, "alg");
  if (const auto read = read_kind(*kind->second.string(), json, out); !read) return read.error();
  return out;
}

Result<Jwk> jwk_of_certificate(const std::string& id, const std::string& pem) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  Jwk out;
  out.id = id;
  if (certificate != nullptr) out.key.reset(X509_get_pubkey(certificate.get()));
  ERR_clear_error();
  if (out.key == nullptr || EVP_PKEY_get_base_id(out.key.get()) != EVP_PKEY_RSA)
    return Error{"X509 parse pubkey fails"};
  return out;
}

}  // namespace remora::filters
