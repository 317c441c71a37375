#include "istio/build/tls.h"

#include <algorithm>
#include <array>
#include <set>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/model/spiffe_id.h"

namespace remora::istio {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::TransportSocket;

constexpr const char* kTlsModeLabel = "security.istio.io/tlsMode";
constexpr const char* kIstioTls = "istio";

/// Under TLS 1.2; TLS 1.3 has its own.
constexpr std::array<const char*, 6> kServerCiphers{
    "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",   "AES256-GCM-SHA384",           "AES128-GCM-SHA256"};

}  // namespace

void set_tls_socket(const google::protobuf::Message& context, TransportSocket& socket) {
  socket.set_name("envoy.transport_sockets.tls");
  *socket.mutable_typed_config() = pack(context);
}

void set_secret(const std::string& name, Patience patience, tls::SdsSecretConfig& secret) {
  secret.set_name(name);
  auto& source = *secret.mutable_sds_config();
  source.mutable_ads();
  if (patience == Patience::kForEver) source.mutable_initial_fetch_timeout();  // zero
  source.set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
}

void set_workload_identity(tls::CommonTlsContext& common) {
  set_secret("default", Patience::kForEver, *common.add_tls_certificate_sds_secret_configs());
  auto& validation = *common.mutable_combined_validation_context();
  set_secret("ROOTCA", Patience::kForEver, *validation.mutable_validation_context_sds_secret_config());
  validation.mutable_default_validation_context();
}

void add_peer_name(const std::string& name, tls::CertificateValidationContext& validation) {
  const auto add = [&](tls::SubjectAltNameMatcher::SanType type) {
    auto& matcher = *validation.add_match_typed_subject_alt_names();
    matcher.set_san_type(type);
    matcher.mutable_matcher()->set_exact(name);
  };
  if (name.find("://") != std::string::npos) return add(tls::SubjectAltNameMatcher::URI);
  if (is_ip_address(name)) return add(tls::SubjectAltNameMatcher::IP_ADDRESS);
  add(tls::SubjectAltNameMatcher::DNS);
}

namespace {

void set_versions(tls::CommonTlsContext& common) {
  common.mutable_tls_params()->set_tls_minimum_protocol_version(tls::TlsParameters::TLSv1_2);
  common.mutable_tls_params()->set_tls_maximum_protocol_version(tls::TlsParameters::TLSv1_3);
}

/// The identities that the service's workloads are known to have. None known: whoever belongs to the mesh.
std::set<std::string> workload_names(const ClusterParts& parts) {
  std::set<std::string> names;
  for (const Endpoint& endpoint : parts.port.endpoints) {
    if (endpoint.service_account.empty()) continue;
    const auto id =
        make_spiffe_id(parts.view.registry().settings().trust_domain, endpoint.ns, endpoint.service_account);
    if (id.ok()) names.insert(id->uri());
  }
  return names;
}

/// What the client speaks inside of TLS. Istio's own words tell the server's sidecar that mutual TLS of the
/// mesh is meant, and what it carries.
std::vector<const char*> mesh_protocols(const ClusterParts& parts, const PolicySettings& policy) {
  switch (upstream_protocol(parts.port, policy, parts.view.node())) {
    case UpstreamHttp::kHttp1: return {"istio-http/1.1", "istio", "http/1.1"};
    case UpstreamHttp::kHttp2: return {"istio-h2", "istio", "h2"};
    case UpstreamHttp::kAsClient:
    case UpstreamHttp::kNone: break;
  }
  return {kIstioTls};
}

void set_mutual_tls(const ClusterParts& parts, const PolicySettings& policy, const ClientTls& rule,
                    TransportSocket& socket) {
  tls::UpstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  set_versions(common);
  set_workload_identity(common);
  auto& validation = *common.mutable_combined_validation_context()->mutable_default_validation_context();
  if (rule.subject_alt_names.empty()) {
    for (const std::string& name : workload_names(parts)) add_peer_name(name, validation);
  } else {
    for (const std::string& name : rule.subject_alt_names) add_peer_name(name, validation);
  }
  for (const char* protocol : mesh_protocols(parts, policy)) common.add_alpn_protocols(protocol);
  const std::string subset = parts.subset == nullptr ? "" : parts.subset->name;
  context.set_sni(rule.sni.empty() ? mesh_server_name(parts.port.number, subset, parts.service.host)
                                   : rule.sni);
  set_tls_socket(context, socket);
}

/// TLS towards somebody who is not of this mesh, with certificates from files.
void set_foreign_tls(const ClusterParts& parts, const PolicySettings& policy, TransportSocket& socket) {
  const ClientTls& rule = *policy.tls;
  tls::UpstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  set_versions(common);
  if (rule.mode == ClientTls::Mode::kMutual) {
    auto& certificate = *common.add_tls_certificates();
    certificate.mutable_certificate_chain()->set_filename(rule.client_certificate);
    certificate.mutable_private_key()->set_filename(rule.private_key);
  }
  if (!rule.insecure_skip_verify) {
    auto& validation = *common.mutable_validation_context();
    if (rule.ca_certificates.empty()) {
      validation.mutable_system_root_certs();
    } else {
      validation.mutable_trusted_ca()->set_filename(rule.ca_certificates);
      if (!rule.ca_crl.empty()) validation.mutable_crl()->set_filename(rule.ca_crl);
    }
    for (const std::string& name : peer_names(parts, rule)) add_peer_name(name, validation);
  }
  if (upstream_protocol(parts.port, policy, parts.view.node()) == UpstreamHttp::kHttp2)
    common.add_alpn_protocols("h2");
  context.set_sni(rule.sni);
  set_tls_socket(context, socket);
}

}  // namespace

const std::vector<std::string>& peer_names(const ClusterParts& parts, const ClientTls& rule) {
  return rule.subject_alt_names.empty() ? parts.service.subject_alt_names : rule.subject_alt_names;
}

Encryption encryption_of(const ClusterParts& parts, const PolicySettings& policy) {
  if (policy.tls)
    return policy.tls->mode == ClientTls::Mode::kDisable ? Encryption::kPlain : Encryption::kAlways;
  const bool possible = parts.view.node().identified && parts.view.registry().settings().auto_mtls;
  return possible && !parts.service.external ? Encryption::kWhereSidecar : Encryption::kPlain;
}

bool lacks_identity(const ClusterParts& parts) {
  if (parts.view.node().identified) return false;
  const PolicySettings policy = effective_policy(parts.rule, parts.subset, parts.port.number);
  return policy.tls && policy.tls->mode == ClientTls::Mode::kIstioMutual;
}

void set_tls_mode(google::protobuf::Struct& match) {
  (*match.mutable_fields())["tlsMode"].set_string_value(kIstioTls);
}

void set_transport_sockets(const ClusterParts& parts, const PolicySettings& policy, Cluster& cluster) {
  const Encryption encryption = encryption_of(parts, policy);
  if (encryption == Encryption::kPlain) return;
  if (encryption == Encryption::kAlways) {
    if (policy.tls->mode == ClientTls::Mode::kIstioMutual) {
      set_mutual_tls(parts, policy, *policy.tls, *cluster.mutable_transport_socket());
    } else {
      set_foreign_tls(parts, policy, *cluster.mutable_transport_socket());
    }
    return;
  }
  if (chosen_by_client(parts)) {
    // There are no endpoints that could say what they take: it must be the same for all of them.
    const auto& endpoints = parts.port.endpoints;
    const bool all =
        !endpoints.empty() && std::all_of(endpoints.begin(), endpoints.end(), [&](const Endpoint& e) {
          return takes_mutual_tls(e, parts.view.registry());
        });
    if (all) set_mutual_tls(parts, policy, {}, *cluster.mutable_transport_socket());
    return;
  }
  auto& mutual = *cluster.add_transport_socket_matches();
  mutual.set_name("tlsMode-istio");
  set_tls_mode(*mutual.mutable_match());
  set_mutual_tls(parts, policy, {}, *mutual.mutable_transport_socket());
  auto& plain = *cluster.add_transport_socket_matches();
  plain.set_name("tlsMode-disabled");
  plain.mutable_match();
  plain.mutable_transport_socket()->set_name("envoy.transport_sockets.raw_buffer");
  *plain.mutable_transport_socket()->mutable_typed_config() =
      pack(envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer());
}

bool takes_mutual_tls(const Endpoint& endpoint, const Registry& registry) {
  const auto label = endpoint.labels.find(kTlsModeLabel);
  return label != endpoint.labels.end() && label->second == kIstioTls &&
         registry.peer_policies().mode_for(endpoint.ns, endpoint.labels, endpoint.port) != MtlsMode::kDisable;
}

void set_inbound_tls(const std::string& trust_domain, TransportSocket& socket) {
  tls::DownstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  set_versions(common);
  for (const char* cipher : kServerCiphers) common.mutable_tls_params()->add_cipher_suites(cipher);
  set_workload_identity(common);
  auto& names = *common.mutable_combined_validation_context()
                     ->mutable_default_validation_context()
                     ->add_match_typed_subject_alt_names();
  names.set_san_type(tls::SubjectAltNameMatcher::URI);
  names.mutable_matcher()->set_prefix("spiffe://" + trust_domain + '/');
  common.add_alpn_protocols("h2");
  common.add_alpn_protocols("http/1.1");
  context.mutable_require_client_certificate()->set_value(true);
  set_tls_socket(context, socket);
}

}  // namespace remora::istio
