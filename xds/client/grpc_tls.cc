#include "client/grpc_tls.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "translate/tls_context.h"

namespace remora::xds {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::core::v3::DataSource;
using Request = grpc::experimental::TlsCustomVerificationCheckRequest;
using Names = std::vector<grpc::string_ref>;

PemSource pem_source(const DataSource& source, const std::string& text) { return {source.filename(), text}; }

void check_certificate(const CommonTls& common, Context& context) {
  if (common.certificates.size() > 1)
    context.error("tls_certificates", "gRPC's client shows one certificate");
  for (const auto& certificate : common.certificates) {
    if (certificate.content == nullptr) continue;
    if (!certificate.content->pkcs12.empty() || !certificate.content->password.empty()) {
      context.unsupported("tls_certificates", "PKCS #12 or a password for a gRPC server");
    }
  }
}

void check_validation(const CommonTls& common, Context& context) {
  const auto scope = context.in("validation_context");
  const CertificateValidation* validation = common.validation.content.get();
  if (validation == nullptr || validation->trusted_ca_pem.empty()) {
    context.error("trusted_ca", "is required for a gRPC server");
    return;
  }
  if (!validation->certificate_hashes.empty() || !validation->spki_hashes.empty() ||
      !validation->crl_pem.empty() || !validation->spiffe_trust_domains.empty()) {
    context.error("hashes, revocation lists and SPIFFE bundles are not implemented for a gRPC server");
  }
  if (validation->allow_expired || validation->accept_untrusted) {
    context.error("bad certificates cannot be accepted from a gRPC server");
  }
  for (const SanMatcher& name : validation->subject_alt_names) {
    if (name.type == SanMatcher::Type::kOther)
      context.unsupported("match_typed_subject_alt_names", "OTHER_NAME for a gRPC server");
  }
}

GrpcTls from_context(const tls::UpstreamTlsContext& proto, const UpstreamTls& translated) {
  GrpcTls out;
  const CommonTls& common = translated.common;
  if (!common.certificates.empty() && common.certificates.front().content != nullptr) {
    const auto& source = proto.common_tls_context().tls_certificates(0);
    out.certificate = pem_source(source.certificate_chain(), common.certificates.front().content->chain_pem);
    out.key = pem_source(source.private_key(), common.certificates.front().content->key_pem);
  }
  if (common.validation.content != nullptr) {
    const auto& source = proto.common_tls_context().validation_context();
    out.trusted_ca = pem_source(source.trusted_ca(), common.validation.content->trusted_ca_pem);
    out.names = common.validation.content->subject_alt_names;
  }
  out.server_name = translated.sni;
  return out;
}

std::string read(const PemSource& source) {
  if (source.file.empty()) return source.text;
  std::ifstream file(source.file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return text.empty() ? source.text : text;
}

/// Looks for the names that the configuration wants; the chain has been verified before.
class NameVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit NameVerifier(std::vector<SanMatcher> wanted) : wanted_(std::move(wanted)) {}

  bool Verify(Request* request, std::function<void(grpc::Status)> /*callback*/,
              grpc::Status* status) override {
    const bool good =
        wanted_.empty() || std::any_of(wanted_.begin(), wanted_.end(),
                                       [&](const SanMatcher& name) { return is_there(name, *request); });
    *status = good ? grpc::Status::OK
                   : grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                                  "the server's certificate has none of the wanted names");
    return true;
  }
  void Cancel(Request* /*request*/) override {}

 private:
  static bool is_there(const SanMatcher& wanted, const Request& request) {
    using Type = SanMatcher::Type;
    const auto in = [&](Type type, const Names& names) {
      return (wanted.type == type || wanted.type == Type::kAny) &&
             std::any_of(names.begin(), names.end(), [&](const grpc::string_ref& name) {
               return wanted.matcher.matches({name.data(), name.size()});
             });
    };
    return in(Type::kUri, request.uri_names()) || in(Type::kDns, request.dns_names()) ||
           in(Type::kIp, request.ip_names()) || in(Type::kEmail, request.email_names());
  }

  const std::vector<SanMatcher> wanted_;
};

}  // namespace

std::optional<GrpcTls> to_grpc_tls(const envoy::config::cluster::v3::Cluster& cluster, Context& context) {
  if (cluster.transport_socket_matches_size() > 0) {
    context.unsupported("transport_socket_matches", "a choice of sockets for a gRPC server");
  }
  using envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;
  if (cluster.transport_socket().typed_config().Is<ProxyProtocolUpstreamTransport>()) {
    context.unsupported("transport_socket", "a PROXY header for a gRPC server");
    return std::nullopt;
  }
  tls::UpstreamTlsContext proto;
  if (!cluster.has_transport_socket() || !cluster.transport_socket().typed_config().UnpackTo(&proto))
    return std::nullopt;
  const auto socket = context.in("transport_socket");
  const auto typed = context.in("typed_config");
  ConfigReport elsewhere;
  Context quiet(context.environment(), elsewhere);
  SecretNeeds needs;
  const auto translated = to_upstream_tls(proto, quiet, needs);
  if (elsewhere.error_count() > 0) return std::nullopt;
  const auto common = context.in("common_tls_context");
  if (!needs.empty()) {
    context.error(
        "secrets of a gRPC server's cluster stand in the configuration or in files, without "
        "watched_directory");
    return std::nullopt;
  }
  check_certificate(translated->common, context);
  check_validation(translated->common, context);
  return from_context(proto, *translated);
}

std::shared_ptr<grpc::ChannelCredentials> make_grpc_credentials(const GrpcTls& tls) {
  namespace experimental = grpc::experimental;
  const std::string certificate = read(tls.certificate);
  std::vector<experimental::IdentityKeyCertPair> identity;
  if (!certificate.empty()) identity.push_back({read(tls.key), certificate});
  experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<experimental::StaticDataCertificateProvider>(read(tls.trusted_ca), identity));
  options.watch_root_certs();
  if (!identity.empty()) options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  // As in Envoy the wanted names decide, and not the name by which the server was called.
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      experimental::ExternalCertificateVerifier::Create<NameVerifier>(tls.names));
  return experimental::TlsCredentials(options);
}

}  // namespace remora::xds
