#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "remora/core/clock.h"

namespace remora {

/// What matters of one certificate, decoded once a handshake. Names with a NUL byte inside are never listed:
/// nobody could compare them safely.
struct CertificateInfo {
  std::string subject;  // RFC 2253
  std::string issuer;   // RFC 2253
  std::string serial;   // lower-case hex
  std::string sha256;   // of the DER, lower-case hex
  std::string sha1;     // lower-case hex
  std::vector<std::string> uri_sans;
  std::vector<std::string> dns_sans;
  std::vector<std::string> ip_sans;
  std::vector<std::string> email_sans;
  WallTime not_before{};
  WallTime not_after{};
  std::string pem;        // URL-encoded, as x-forwarded-client-cert carries it
  std::string chain_pem;  // URL-encoded, leaf first
};

/// What a TLS handshake agreed on. Made when it completes, immutable afterwards, owned by the connection.
/// Source: Envoy, access log operators %DOWNSTREAM_TLS_*%, %DOWNSTREAM_PEER_*%, %DOWNSTREAM_LOCAL_*%.
struct TlsInfo {
  std::string version;     // "TLSv1.3"
  std::string cipher;      // OpenSSL's name, "TLS_AES_256_GCM_SHA384"
  std::string session_id;  // lower-case hex; "" if there is none
  std::string alpn;        // "h2"; "" if nothing was agreed on
  std::string sni;         // "" if none was sent
  bool session_reused = false;
  bool peer_presented = false;  // the peer sent a certificate
  bool peer_validated = false;  // and it was verified against a trusted authority
  /// null: none was sent (or, of our own, none is configured).
  std::shared_ptr<const CertificateInfo> peer;
  std::shared_ptr<const CertificateInfo> local;
};

}  // namespace remora
