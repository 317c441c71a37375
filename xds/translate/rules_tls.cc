#include "translate/field_rules.h"

namespace remora::xds {

std::span<const MessageRules> tls_rules() {
  static const MessageRules kRules[] = {
      {.message = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
       .implemented = "common_tls_context require_client_certificate require_sni session_ticket_keys "
                      "session_ticket_keys_sds_secret_config disable_stateless_session_resumption "
                      "disable_stateful_session_resumption session_timeout ocsp_staple_policy "
                      "full_scan_certs_on_sni_mismatch prefer_client_ciphers"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
       .implemented = "common_tls_context sni auto_host_sni auto_sni_san_validation allow_renegotiation "
                      "max_session_keys enforce_rsa_key_usage"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
       .implemented =
           "tls_params tls_certificates tls_certificate_sds_secret_configs validation_context "
           "validation_context_sds_secret_config combined_validation_context alpn_protocols key_log"},
      {.message =
           "envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext",
       .implemented = "default_validation_context validation_context_sds_secret_config"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.TlsKeyLog", .implemented = "path"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.TlsParameters",
       .implemented = "tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves "
                      "signature_algorithms"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.TlsCertificate",
       .implemented = "certificate_chain private_key pkcs12 watched_directory password ocsp_staple"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys", .implemented = "keys"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher",
       .implemented = "san_type matcher oid"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext",
       .implemented = "trusted_ca system_root_certs watched_directory verify_certificate_spki "
                      "verify_certificate_hash match_typed_subject_alt_names match_subject_alt_names crl "
                      "allow_expired_certificate trust_chain_verification only_verify_leaf_cert_crl "
                      "max_verify_depth",
       .checked_by_reader = "custom_validator_config",
       .only = {{"require_signed_certificate_timestamp", "false"}}},
      {.message = "envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext.SystemRootCerts",
       .implemented = ""},
      {.message = "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig",
       .implemented = "trust_domains"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain",
       .implemented = "name trust_bundle"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig",
       .implemented = "name sds_config"},
      {.message = "envoy.extensions.transport_sockets.tls.v3.Secret",
       .implemented = "name tls_certificate session_ticket_keys validation_context"},
  };
  return kRules;
}

}  // namespace remora::xds
