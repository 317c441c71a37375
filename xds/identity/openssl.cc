#include "identity/openssl.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>

namespace remora::identity {
namespace {

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;

BioPtr reader(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string contents(BIO& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(&bio, &data);  // NOLINT(google-runtime-int): OpenSSL's type
  return {data, static_cast<size_t>(size)};
}

/// A key with a password is refused instead of asking at a terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

}  // namespace

Error openssl_failure(const std::string& what) {
  std::array<char, 256> text{};
  const auto code = ERR_peek_last_error();
  ERR_error_string_n(code, text.data(), text.size());
  ERR_clear_error();
  return Error{code == 0 ? what : what + ": " + text.data()};
}

Result<KeyPtr> make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl_failure("cannot make a key");
  return key;
}

Result<KeyPtr> key_from_pem(const std::string& pem) {
  const BioPtr bio = reader(pem);
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
  if (key == nullptr) return openssl_failure("holds no private key (PEM, without a password)");
  return key;
}

Result<Certificates> certificates_from_pem(const std::string& pem) {
  const BioPtr bio = reader(pem);
  Certificates certificates;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!ended || certificates.empty()) return openssl_failure("holds no certificates (PEM)");
  ERR_clear_error();
  return certificates;
}

Result<std::string> to_pem(EVP_PKEY& key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl_failure("cannot write a key");
  }
  return contents(*bio);
}

Result<std::string> to_pem(X509& certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), &certificate) != 1) return openssl_failure("cannot write a certificate");
  return contents(*bio);
}

}  // namespace remora::identity
