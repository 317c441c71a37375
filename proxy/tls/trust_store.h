#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "remora/core/result.h"
#include "tls/openssl_ptr.h"

namespace remora {

/// Authorities and revocation lists that chains are verified against, and how. Immutable once built.
struct TrustStore {
  X509StorePtr store;
  std::vector<X509Ptr> authorities;  // for /certs, and for the names that a server asks clients for
};

struct TrustOptions {
  std::string_view crl_pem;
  bool only_leaf_crl = false;
  bool allow_expired = false;
  bool system_roots = false;
};

/// An intermediate may be the authority (a partial chain), as in Envoy. Errors: no certificate in the bundle,
/// a PEM block that cannot be read.
Result<TrustStore> make_trust_store(std::string_view bundle_pem, const TrustOptions& options);

}  // namespace remora
