#include "proxy/certificates.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <ctime>
#include <map>
#include <utility>

#include "tls/openssl_ptr.h"

namespace remora::test {
namespace {

// A test cannot go on without what it asked for.
template <typename T>
T need(T value) {
  if (!value) std::abort();
  return value;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

KeyPtr make_key(bool rsa, int bits) {
  return KeyPtr(need(rsa ? EVP_RSA_gen(static_cast<unsigned>(bits)) : EVP_EC_gen("P-256")));
}

// Making RSA keys takes long.
EVP_PKEY* stock_key(bool rsa, int bits) {
  static std::map<std::pair<bool, int>, KeyPtr> keys;
  auto& key = keys[{rsa, bits}];
  if (key == nullptr) key = make_key(rsa, bits);
  return key.get();
}

std::string key_pem(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  need(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr));
  return text_of(bio.get());
}

std::string certificate_pem(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  need(PEM_write_bio_X509(bio.get(), certificate));
  return text_of(bio.get());
}

X509Ptr read_certificate(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Ptr(need(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)));
}

KeyPtr read_key(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return KeyPtr(need(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)));
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = need(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void add_raw_dns(X509* certificate, const std::string& name) {
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  GENERAL_NAME* general = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
  GENERAL_NAME_set0_value(general, GEN_DNS, text);
  sk_GENERAL_NAME_push(names, general);
  X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND);
  GENERAL_NAMES_free(names);
}

X509Ptr make_certificate(const CertificateWish& wish, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  static uint64_t next_serial = 1000;
  X509Ptr made(need(X509_new()));
  X509* certificate = made.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), wish.serial != 0 ? wish.serial : next_serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), static_cast<long>(wish.starts_s));
  X509_gmtime_adj(X509_getm_notAfter(certificate), static_cast<long>(wish.ends_s));
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  const auto add = [&](const char* field, const std::string& value) {
    X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(value.data()),
                               static_cast<int>(value.size()), -1, 0);
  };
  add("O", "remora");
  if (!wish.common_name.empty()) add("CN", wish.common_name);
  X509* signer = issuer != nullptr ? issuer : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  add_extension(certificate, signer, NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "CA:FALSE");
  std::string names;
  for (const auto& name : wish.names) names += (names.empty() ? "" : ",") + name;
  add_extension(certificate, signer, NID_subject_alt_name, names);
  if (!wish.raw_dns.empty()) add_raw_dns(certificate, wish.raw_dns);
  add_extension(certificate, signer, NID_key_usage, wish.key_usage);
  add_extension(certificate, signer, NID_ext_key_usage, wish.extended_key_usage);
  add_extension(certificate, signer, NID_tlsfeature, wish.tls_feature);
  need(X509_sign(certificate, issuer_key, EVP_sha256()));
  return made;
}

CertificateWish authority_wish(std::string name) {
  return {.common_name = std::move(name),
          .ends_s = 30 * 86400 + 600,
          .authority = true,
          .key_usage = "keyCertSign,cRLSign,digitalSignature"};
}

}  // namespace

struct Authority::State {
  KeyPtr key = make_key(false, 0);
  X509Ptr certificate;
};

Authority::Authority(std::string name) : state_(std::make_unique<State>()) {
  auto* key = state_->key.get();
  state_->certificate = make_certificate(authority_wish(std::move(name)), key, nullptr, key);
  own_ = {certificate_pem(state_->certificate.get()), key_pem(key)};
}

Authority::Authority(const Authority& parent, std::string name) : state_(std::make_unique<State>()) {
  state_->certificate = make_certificate(authority_wish(std::move(name)), state_->key.get(),
                                         parent.state_->certificate.get(), parent.state_->key.get());
  own_ = {certificate_pem(state_->certificate.get()), key_pem(state_->key.get())};
}

Authority::~Authority() = default;

Issued Authority::issue(const CertificateWish& wish) const {
  EVP_PKEY* key = stock_key(wish.rsa, wish.rsa_bits);
  const auto made = make_certificate(wish, key, state_->certificate.get(), state_->key.get());
  return {certificate_pem(made.get()), key_pem(key)};
}

std::string Authority::revoke(const std::vector<std::string>& certificates) const {
  const X509CrlPtr list(need(X509_CRL_new()));
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(state_->certificate.get()));
  ASN1_TIME* time = X509_gmtime_adj(nullptr, -60);
  X509_CRL_set1_lastUpdate(list.get(), time);
  X509_gmtime_adj(time, 86400);
  X509_CRL_set1_nextUpdate(list.get(), time);
  for (const auto& pem : certificates) {
    X509_REVOKED* revoked = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(read_certificate(pem).get()));
    X509_gmtime_adj(time, -30);
    X509_REVOKED_set_revocationDate(revoked, time);
    X509_CRL_add0_revoked(list.get(), revoked);
  }
  ASN1_TIME_free(time);
  need(X509_CRL_sign(list.get(), state_->key.get(), EVP_sha256()));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_CRL(bio.get(), list.get());
  return text_of(bio.get());
}

std::string Authority::vouch(const std::string& certificate, int64_t ends_s) const {
  const auto about = read_certificate(certificate);
  OCSP_BASICRESP* basic = OCSP_BASICRESP_new();
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, about.get(), state_->certificate.get());
  ASN1_TIME* since = X509_gmtime_adj(nullptr, -7200);
  ASN1_TIME* until = X509_gmtime_adj(nullptr, static_cast<long>(ends_s));
  OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, since, until);
  OCSP_basic_sign(basic, state_->certificate.get(), state_->key.get(), EVP_sha256(), nullptr, 0);
  OCSP_RESPONSE* response = need(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic));
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &der);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  ASN1_TIME_free(since);
  ASN1_TIME_free(until);
  OCSP_CERTID_free(id);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  return bytes;
}

std::string encrypted_key(const std::string& pem, const std::string& password) {
  const auto key = read_key(pem);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  need(PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_256_cbc(), password.data(),
                                     static_cast<int>(password.size()), nullptr, nullptr));
  return text_of(bio.get());
}

std::string pkcs12(const Issued& pair, const std::string& password) {
  PKCS12* bundle = need(PKCS12_create(password.c_str(), "test", read_key(pair.key).get(),
                                      read_certificate(pair.certificate).get(), nullptr, 0, 0, 0, 0, 0));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  i2d_PKCS12_bio(bio.get(), bundle);
  PKCS12_free(bundle);
  return text_of(bio.get());
}

std::string certificate_hash(const std::string& pem) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(read_certificate(pem).get(), EVP_sha256(), hash, &size);
  return {reinterpret_cast<char*>(hash), size};
}

std::string spki_hash(const std::string& pem) {
  const auto certificate = read_certificate(pem);
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.get()), &der);
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(der, static_cast<size_t>(size), hash);
  OPENSSL_free(der);
  return {reinterpret_cast<char*>(hash), sizeof(hash)};
}

}  // namespace remora::test
