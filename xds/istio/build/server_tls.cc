#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "istio/build/gateway.h"
#include "istio/build/tls.h"

namespace remora::istio {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using Mode = ServerTls::Mode;

tls::TlsParameters::TlsProtocol version_of(ServerTls::Version version,
                                           tls::TlsParameters::TlsProtocol otherwise) {
  using Version = ServerTls::Version;
  switch (version) {
    case Version::kAuto: return otherwise;
    case Version::kTls10: return tls::TlsParameters::TLSv1_0;
    case Version::kTls11: return tls::TlsParameters::TLSv1_1;
    case Version::kTls12: return tls::TlsParameters::TLSv1_2;
    case Version::kTls13: return tls::TlsParameters::TLSv1_3;
  }
  return otherwise;
}

/// Istio's least version; the greatest is the proxy's.
void set_parameters(const ServerTls& wanted, tls::TlsParameters& parameters) {
  parameters.set_tls_minimum_protocol_version(version_of(wanted.min_version, tls::TlsParameters::TLSv1_2));
  if (wanted.max_version != ServerTls::Version::kAuto)
    parameters.set_tls_maximum_protocol_version(version_of(wanted.max_version, tls::TlsParameters::TLS_AUTO));
  for (const std::string& suite : wanted.cipher_suites) parameters.add_cipher_suites(suite);
}

void add_client_names(const ServerTls& wanted, tls::CertificateValidationContext& validation) {
  for (const std::string& name : wanted.subject_alt_names) add_peer_name(name, validation);
}

/// Secrets by name. One that is missing holds the listener up for Envoy's fifteen seconds and not for ever:
/// other servers share it.
void set_credential(const ServerTls& wanted, tls::CommonTlsContext& common) {
  set_secret(credential_secret(wanted), Patience::kAWhile, *common.add_tls_certificate_sds_secret_configs());
  if (!wanted.takes_client_certificates()) return;
  auto& validation = *common.mutable_combined_validation_context();
  set_secret(credential_ca_secret(wanted), Patience::kAWhile,
             *validation.mutable_validation_context_sds_secret_config());
  add_client_names(wanted, *validation.mutable_default_validation_context());
}

void set_files(const ServerTls& wanted, tls::CommonTlsContext& common) {
  auto& certificate = *common.add_tls_certificates();
  certificate.mutable_certificate_chain()->set_filename(wanted.certificate);
  certificate.mutable_private_key()->set_filename(wanted.private_key);
  if (!wanted.takes_client_certificates()) return;
  common.mutable_validation_context()->mutable_trusted_ca()->set_filename(wanted.ca_certificates);
  add_client_names(wanted, *common.mutable_validation_context());
}

}  // namespace

std::string credential_secret(const ServerTls& tls) { return "kubernetes://" + tls.credential; }

std::string credential_ca_secret(const ServerTls& tls) { return credential_secret(tls) + "-cacert"; }

void set_server_tls(const ServerTls& wanted, bool http, envoy::config::core::v3::TransportSocket& socket) {
  tls::DownstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  set_parameters(wanted, *common.mutable_tls_params());
  if (http) {
    common.add_alpn_protocols("h2");
    common.add_alpn_protocols("http/1.1");
  }
  if (wanted.mode == Mode::kIstioMutual) {
    set_workload_identity(common);
    add_client_names(wanted,
                     *common.mutable_combined_validation_context()->mutable_default_validation_context());
  } else if (!wanted.credential.empty()) {
    set_credential(wanted, common);
  } else {
    set_files(wanted, common);
  }
  context.mutable_require_client_certificate()->set_value(wanted.mode == Mode::kMutual ||
                                                          wanted.mode == Mode::kIstioMutual);
  set_tls_socket(context, socket);
}

}  // namespace remora::istio
