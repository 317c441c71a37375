#include "identity/certificate_builder.h"

#include <openssl/bn.h>

namespace remora::identity {
namespace {

using BignumPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

std::time_t seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::system_clock::to_time_t(time);
}

/// RFC 5280 section 4.1.2.2: positive, at most 20 octets; random, so that no two are alike.
bool set_serial(X509& certificate) {
  constexpr int kBits = 127;
  const BignumPtr number(BN_new());
  return number != nullptr && BN_rand(number.get(), kBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool add_name(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return true;
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool set_names(const CertificateContent& content, const Signer& signer, X509& certificate) {
  X509_NAME* subject = X509_get_subject_name(&certificate);
  if (!add_name(subject, "O", content.organization) || !add_name(subject, "CN", content.common_name))
    return false;
  X509_NAME* issuer = signer.certificate == nullptr ? subject : X509_get_subject_name(signer.certificate);
  return X509_set_issuer_name(&certificate, issuer) == 1;
}

/// One extension, in the notation of OpenSSL's configuration files. What is put in here holds no commas.
bool add_extension(X509V3_CTX& context, int kind, const std::string& value, X509& certificate) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

std::string alternative_names(const CertificateContent& content) {
  const bool without_subject = content.common_name.empty() && content.organization.empty();
  std::string text = without_subject ? "critical" : "";  // RFC 5280 section 4.2.1.6
  const auto add = [&](const char* kind, const std::string& name) {
    text.append(text.empty() ? "" : ",").append(kind).append(name);
  };
  if (!content.uri.empty()) add("URI:", content.uri);
  for (const std::string& name : content.dns_names) add("DNS:", name);
  for (const std::string& address : content.ip_addresses) add("IP:", address);
  return text;
}

bool add_extensions(const CertificateContent& content, const Signer& signer, X509& certificate) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509* issuer = signer.certificate == nullptr ? &certificate : signer.certificate;
  X509V3_set_ctx(&context, issuer, &certificate, nullptr, nullptr, 0);
  const auto add = [&](int kind, const std::string& value) {
    return add_extension(context, kind, value, certificate);
  };
  bool good =
      add(NID_basic_constraints, content.authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
      add(NID_key_usage, content.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
      add(NID_subject_key_identifier, "hash");
  if (!content.authority) good = good && add(NID_ext_key_usage, "serverAuth,clientAuth");
  if (signer.certificate != nullptr) good = good && add(NID_authority_key_identifier, "keyid:always");
  return good && add(NID_subject_alt_name, alternative_names(content));
}

/// Ed25519 and Ed448 bring their own.
const EVP_MD* digest_for(const EVP_PKEY& key) {
  const int kind = EVP_PKEY_get_base_id(&key);
  return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? nullptr : EVP_sha256();
}

}  // namespace

Result<CertificatePtr> build_certificate(const CertificateContent& content, EVP_PKEY& key,
                                         const Signer& signer) {
  CertificatePtr certificate(X509_new());
  const bool good = certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                    set_serial(*certificate) && set_names(content, signer, *certificate) &&
                    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds(content.not_before)) &&
                    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds(content.not_after)) &&
                    X509_set_pubkey(certificate.get(), &key) == 1 &&
                    add_extensions(content, signer, *certificate) &&
                    X509_sign(certificate.get(), &signer.key, digest_for(signer.key)) > 0;
  if (!good) return openssl_failure("cannot make a certificate for " + content.uri);
  return certificate;
}

}  // namespace remora::identity
