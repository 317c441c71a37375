#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"
#include "remora/http/tls_info.h"
#include "tls/openssl_ptr.h"

namespace remora {

/// Authorities and revocation lists that chains are verified against, and how. Immutable once built.
struct TrustStore {
  X509StorePtr store;
  std::vector<X509Ptr> authorities;                           // whose names a server tells clients
  std::vector<std::shared_ptr<const CertificateInfo>> infos;  // of the authorities, for operators
};

struct TrustOptions {
  std::string_view crl_pem;
  bool only_leaf_crl = false;
  bool allow_expired = false;
  bool system_roots = false;
};

/// An intermediate may be the authority (a partial chain), as in Envoy. The same content is one store, for as
/// long as somebody holds it: thousands of clusters trust the same root. Any thread. Errors: no certificate
/// in the bundle, a PEM block that cannot be read.
Result<std::shared_ptr<const TrustStore>> make_trust_store(std::string_view bundle_pem,
                                                           const TrustOptions& options);

}  // namespace remora
