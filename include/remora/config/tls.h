#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "remora/config/matchers.h"
#include "remora/core/clock.h"

namespace remora {

/// Plain structs for envoy.extensions.transport_sockets.tls.v3. Defaults are Envoy's. Built and checked for
/// form by xds/translate (files are read there, or by whoever watches them), immutable afterwards, shared by
/// all threads. What only OpenSSL can judge (does the key fit the certificate, is the PEM a certificate) is
/// judged by proxy/tls, whose errors name the secret.

/// Source: TlsCertificate.
struct TlsCertificate {
  std::string chain_pem;  // leaf first
  std::string key_pem;
  std::string pkcs12;  // instead of the two above
  std::string password;
  std::string ocsp_staple;  // DER; "": none
  std::string origin;       // where it came from, for messages and /certs: a file name or "<inline>"
};

/// One rule for a subject alternative name. Source: SubjectAltNameMatcher.
struct SanMatcher {
  enum class Type : uint8_t {
    kAny,
    kEmail,
    kDns,
    kUri,
    kIp,
    kOther
  };  // kAny: deprecated match_subject_alt_names
  Type type = Type::kAny;
  StringMatcher matcher;
  std::string oid;  // kOther
};

/// Source: CertificateValidationContext, SPIFFECertValidatorConfig.
struct CertificateValidation {
  std::string trusted_ca_pem;  // "": the chain is not verified
  std::string ca_origin;       // for messages and /certs
  bool system_roots = false;
  std::vector<SanMatcher> subject_alt_names;    // one must match; empty: any
  std::vector<std::string> certificate_hashes;  // SHA-256 of the leaf, 32 bytes each; one must match
  std::vector<std::string> spki_hashes;  // SHA-256 of the public key, 32 bytes each; one of either list
  std::string crl_pem;                   // "": none
  bool only_verify_leaf_crl = false;
  bool allow_expired = false;
  bool accept_untrusted = false;  // trust_chain_verification: ACCEPT_UNTRUSTED
  uint32_t max_verify_depth = 100;
  /// SPIFFE validator: trust domain -> its bundle (PEM). Not empty: it alone decides about the chain.
  std::vector<std::pair<std::string, std::string>> spiffe_trust_domains;

  [[nodiscard]] bool verifies_chain() const {
    return !trusted_ca_pem.empty() || system_roots || !spiffe_trust_domains.empty();
  }
};

/// Source: TlsSessionTicketKeys. The first one encrypts, all decrypt.
struct SessionTicketKeys {
  std::vector<std::array<uint8_t, 80>> keys;
};

/// A named secret, from the bootstrap, a file or SDS.
struct Secret {
  std::string name;
  std::string version;
  bool added_via_api = false;
  WallTime updated{};
  std::variant<TlsCertificate, CertificateValidation, SessionTicketKeys> content;
};

/// Content that stands in the configuration itself, or the name under which it comes. Exactly one is set.
template <typename Content>
struct SecretRef {
  std::shared_ptr<const Content> content;
  std::string name;  // key of ConfigBatch::secrets
  [[nodiscard]] bool named() const { return !name.empty(); }
};

/// Source: TlsParameters.
struct TlsParameters {
  enum class Version : uint8_t { kAuto, kTls10, kTls11, kTls12, kTls13 };
  Version minimum = Version::kAuto;  // kAuto: TLS 1.2
  Version maximum = Version::kAuto;  // kAuto: 1.2 for clients, 1.3 for servers
  std::vector<std::string>
      cipher_suites;                // for TLS 1.2 and below; empty: OpenSSL's strong ones, as Envoy's list
  std::vector<std::string> curves;  // empty: X25519, P-256
  std::vector<std::string> signature_algorithms;
};

/// Source: CommonTlsContext.
struct CommonTls {
  TlsParameters parameters;
  std::vector<SecretRef<TlsCertificate>> certificates;
  /// Not named and without content: the peer's certificate is not verified.
  SecretRef<CertificateValidation> validation;
  /// combined_validation_context: what stands in the configuration, merged over by the named one. Null: none.
  std::shared_ptr<const CertificateValidation> validation_defaults;
  std::vector<std::string> alpn;  // in order of preference
  std::string key_log_path;       // "": none

  [[nodiscard]] bool validates() const {
    return validation.named() || validation.content || validation_defaults;
  }
};

/// Source: DownstreamTlsContext.
struct DownstreamTls {
  enum class OcspPolicy : uint8_t { kLenient, kStrict, kMustStaple };
  CommonTls common;
  bool require_client_certificate = false;
  bool require_sni = false;
  SecretRef<SessionTicketKeys> ticket_keys;   // unset: keys of this process
  bool disable_stateless_resumption = false;  // tickets
  bool disable_stateful_resumption = false;   // session ids, TLS 1.2
  Milliseconds session_timeout{0};            // 0: OpenSSL's
  OcspPolicy ocsp = OcspPolicy::kLenient;
  bool full_scan_on_sni_mismatch = false;
  bool prefer_client_ciphers = false;
};

/// Source: UpstreamTlsContext.
struct UpstreamTls {
  CommonTls common;
  std::string sni;
  bool auto_host_sni = false;            // the endpoint's hostname
  bool auto_sni_san_validation = false;  // the certificate must name the SNI that was sent
  bool allow_renegotiation = false;
  uint32_t max_session_keys = 1;
  bool enforce_rsa_key_usage = true;
};

}  // namespace remora
