#include "tls/trust_store.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tls/openssl_error.h"

namespace remora {
namespace {

struct FreeInfos {
  void operator()(STACK_OF(X509_INFO) * infos) const { sk_X509_INFO_pop_free(infos, X509_INFO_free); }
};
using InfosPtr = std::unique_ptr<STACK_OF(X509_INFO), FreeInfos>;

Result<InfosPtr> read_infos(std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const auto no_password = [](char*, int, int, void*) { return -1; };
  InfosPtr infos(PEM_X509_INFO_read_bio(bio.get(), nullptr, no_password, nullptr));
  if (infos == nullptr) return Error{take_openssl_reason()};
  ERR_clear_error();
  return infos;
}

// Both certificates and revocation lists; returns how many lists there were.
Result<size_t> add_bundle(std::string_view pem, TrustStore& trust) {
  auto infos = read_infos(pem);
  if (!infos) return std::move(infos).error().in("trusted CA");
  size_t lists = 0;
  for (int i = 0; i < sk_X509_INFO_num(infos->get()); ++i) {
    X509_INFO* info = sk_X509_INFO_value(infos->get(), i);
    if (info->x509 != nullptr) {
      X509_STORE_add_cert(trust.store.get(), info->x509);
      X509_up_ref(info->x509);
      trust.authorities.emplace_back(info->x509);
    }
    if (info->crl != nullptr && X509_STORE_add_crl(trust.store.get(), info->crl) == 1) ++lists;
  }
  if (trust.authorities.empty()) return Error{"trusted CA: there is no certificate in it"};
  return lists;
}

Result<size_t> add_lists(std::string_view pem, TrustStore& trust) {
  auto infos = read_infos(pem);
  if (!infos) return std::move(infos).error().in("crl");
  size_t lists = 0;
  for (int i = 0; i < sk_X509_INFO_num(infos->get()); ++i) {
    X509_INFO* info = sk_X509_INFO_value(infos->get(), i);
    if (info->crl != nullptr && X509_STORE_add_crl(trust.store.get(), info->crl) == 1) ++lists;
  }
  if (lists == 0) return Error{"crl: there is no revocation list in it"};
  return lists;
}

}  // namespace

Result<TrustStore> make_trust_store(std::string_view bundle_pem, const TrustOptions& options) {
  TrustStore trust;
  trust.store.reset(X509_STORE_new());
  ERR_clear_error();
  size_t lists = 0;
  if (!bundle_pem.empty()) {
    const auto added = add_bundle(bundle_pem, trust);
    if (!added) return Error{added.error()};
    lists += *added;
  }
  if (!options.crl_pem.empty()) {
    const auto added = add_lists(options.crl_pem, trust);
    if (!added) return Error{added.error()};
    lists += *added;
  }
  if (options.system_roots && X509_STORE_set_default_paths(trust.store.get()) != 1)
    return Error{"system roots: " + take_openssl_reason()};
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (lists > 0) flags |= X509_V_FLAG_CRL_CHECK;
  if (lists > 0 && !options.only_leaf_crl) flags |= X509_V_FLAG_CRL_CHECK_ALL;
  if (options.allow_expired) flags |= X509_V_FLAG_NO_CHECK_TIME;
  X509_STORE_set_flags(trust.store.get(), flags);
  return trust;
}

}  // namespace remora
