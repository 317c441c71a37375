#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "identity/openssl.h"

namespace remora::identity {

/// What a certificate says, besides whose key it is about. SPIFFE's rules for X.509 (X509-SVID, section 3 and
/// 4): exactly one URI name; a leaf signs data and is no authority, an authority signs certificates only.
struct CertificateContent {
  std::string common_name;   ///< of the subject; empty: none, and the names below are critical
  std::string organization;  ///< of the subject
  std::string uri;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool authority = false;
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
};

/// Who signs. Without a certificate the new one is its own issuer.
struct Signer {
  EVP_PKEY& key;
  X509* certificate = nullptr;
};

/// A certificate for `key`.
Result<CertificatePtr> build_certificate(const CertificateContent& content, EVP_PKEY& key,
                                         const Signer& signer);

}  // namespace remora::identity
