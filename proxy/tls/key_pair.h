#pragma once

#include <memory>
#include <string>
#include <vector>

#include "remora/config/tls.h"
#include "remora/core/clock.h"
#include "remora/core/result.h"
#include "tls/openssl_ptr.h"

namespace remora {

struct CertificateInfo;

/// A certificate chain with its key, loaded and checked: the key fits, and both are strong enough for peers
/// to accept them. Immutable.
struct KeyPair {
  X509Ptr leaf;
  X509StackPtr chain;  // without the leaf; may be null
  KeyPtr key;
  bool ecdsa = false;
  int curve = 0;                   // NID; only ecdsa
  bool must_staple = false;        // the certificate demands an OCSP response (RFC 7633)
  std::vector<std::string> names;  // lower-case: DNS names, or the common name without them
  std::string ocsp_response;       // DER; "": none
  WallTime ocsp_until{};           // nextUpdate; zero: does not expire
  std::string origin;
  std::shared_ptr<const CertificateInfo> info;

  [[nodiscard]] bool ocsp_usable(WallTime now) const {
    return !ocsp_response.empty() && (ocsp_until == WallTime{} || now < ocsp_until);
  }
};

/// Errors name the origin and OpenSSL's reason.
Result<std::shared_ptr<const KeyPair>> load_key_pair(const TlsCertificate& certificate);

}  // namespace remora
