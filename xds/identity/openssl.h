#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <vector>

#include "remora/core/result.h"

// OpenSSL's objects with owners, and PEM. Private to this folder.
namespace remora::identity {

template <auto kFree>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using Certificates = std::vector<CertificatePtr>;

/// What failed, with OpenSSL's own word for it; empties OpenSSL's queue of errors.
Error openssl_failure(const std::string& what);

/// A new key on the curve P-256.
Result<KeyPtr> make_key();

/// The key of a PEM text; without a password, and never by asking for one.
Result<KeyPtr> key_from_pem(const std::string& pem);
/// All certificates of a PEM text, at least one.
Result<Certificates> certificates_from_pem(const std::string& pem);

Result<std::string> to_pem(EVP_PKEY& key);
Result<std::string> to_pem(X509& certificate);

}  // namespace remora::identity
