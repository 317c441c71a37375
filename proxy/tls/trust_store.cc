#include "tls/trust_store.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "tls/certificate_info.h"
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

Result<TrustStore> build(std::string_view bundle_pem, const TrustOptions& options) {
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
  for (const auto& authority : trust.authorities)
    trust.infos.push_back(decode_certificate(authority.get(), nullptr));
  return trust;
}

/// Stores in use, by their content.
class StoresInUse {
 public:
  std::shared_ptr<const TrustStore> find(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = stores_.find(key);
    return found == stores_.end() ? nullptr : found->second.lock();
  }
  void add(const std::string& key, const std::shared_ptr<const TrustStore>& store) {
    const std::lock_guard lock(mutex_);
    if (stores_.size() >= sweep_at_) {
      std::erase_if(stores_, [](const auto& entry) { return entry.second.expired(); });
      sweep_at_ = std::max<size_t>(64, stores_.size() * 2);
    }
    stores_.insert_or_assign(key, store);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<const TrustStore>> stores_;
  size_t sweep_at_ = 64;
};

std::string digest_of(std::string_view bundle, const TrustOptions& options) {
  const auto hash = [](std::string_view text) {
    unsigned char bytes[SHA256_DIGEST_LENGTH];
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes);
    return std::string(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  };
  return hash(bundle) + hash(options.crl_pem) + (options.only_leaf_crl ? '1' : '0') +
         (options.allow_expired ? '1' : '0') + (options.system_roots ? '1' : '0');
}

}  // namespace

Result<std::shared_ptr<const TrustStore>> make_trust_store(std::string_view bundle_pem,
                                                           const TrustOptions& options) {
  static StoresInUse in_use;
  const auto key = digest_of(bundle_pem, options);
  if (auto found = in_use.find(key)) return found;
  auto built = build(bundle_pem, options);
  if (!built) return std::move(built).error();
  auto store = std::make_shared<const TrustStore>(std::move(*built));
  in_use.add(key, store);
  return store;
}

}  // namespace remora
