#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

namespace remora {

/// Owners of OpenSSL's objects. For the .cc files of this folder only.
template <auto Free>
struct FreeBy {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
inline void free_names(GENERAL_NAMES* names) { GENERAL_NAMES_free(names); }
inline void free_stack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }

using SslPtr = std::unique_ptr<SSL, FreeBy<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, FreeBy<SSL_SESSION_free>>;
using X509Ptr = std::unique_ptr<X509, FreeBy<X509_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, FreeBy<X509_STORE_free>>;
using X509StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, FreeBy<X509_STORE_CTX_free>>;
using X509CrlPtr = std::unique_ptr<X509_CRL, FreeBy<X509_CRL_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), FreeBy<free_stack>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, FreeBy<free_names>>;
using DigestPtr = std::unique_ptr<EVP_MD_CTX, FreeBy<EVP_MD_CTX_free>>;

}  // namespace remora
