#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "ctl/commands.h"
#include "identity/certificate_authority.h"
#include "identity/join_tokens.h"
#include "istio/text/scalar.h"
#include "store/default_folder.h"
#include "store/durable_file.h"
#include "store/yaml.h"

namespace remora::ctl {
namespace {

namespace json = boost::json;

identity::AuthoritySource authority_source(const Arguments& arguments) {
  identity::AuthoritySource source;
  source.folder = arguments.get("--ca-dir", store::default_folder() + ".ca");
  source.certificate_file = arguments.get("--ca-cert-file");
  source.key_file = arguments.get("--ca-key-file");
  source.root_file = arguments.get("--ca-root-file");
  source.trust_domain = arguments.get("--trust-domain", source.trust_domain);
  return source;
}

Result<istio::SpiffeId> workload_of(const Arguments& arguments) {
  return istio::make_spiffe_id(arguments.get("--trust-domain", istio::kDefaultTrustDomain),
                               arguments.get("--namespace", "default"),
                               arguments.get("--service-account", istio::kDefaultServiceAccount));
}

Result<std::chrono::seconds> lifetime_of(const Arguments& arguments) {
  const auto duration = istio::parse_duration(arguments.get("--lifetime", "24h"));
  if (!duration || *duration < std::chrono::seconds(1))
    return Error{"--lifetime: must be a duration of at least 1s"};
  return std::chrono::duration_cast<std::chrono::seconds>(*duration);
}

json::value file_source(const std::string& path) { return json::object{{"filename", path}}; }

/// What a bootstrap needs so that the proxy shows its certificate, and talks to nobody but the control plane.
json::object tls_context(const std::string& folder, const std::string& control_plane,
                         const std::string& sni) {
  const json::object certificate{{"certificate_chain", file_source(folder + "/cert-chain.pem")},
                                 {"private_key", file_source(folder + "/key.pem")}};
  const json::object name{{"san_type", "URI"}, {"matcher", json::object{{"exact", control_plane}}}};
  const json::object validation{{"trusted_ca", file_source(folder + "/root-cert.pem")},
                                {"match_typed_subject_alt_names", json::array{name}}};
  const json::object common{{"tls_certificates", json::array{certificate}},
                            {"validation_context", validation},
                            {"alpn_protocols", json::array{"h2"}}};
  return {{"@type", "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"},
          {"common_tls_context", common},
          {"sni", sni}};
}

json::object xds_cluster(const std::string& host, int port, const json::object& tls) {
  const json::object socket{{"address", host}, {"port_value", port}};
  const json::object endpoint{
      {"endpoint", json::object{{"address", json::object{{"socket_address", socket}}}}}};
  const json::object protocol{
      {"@type", "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"},
      {"explicit_http_config", json::object{{"http2_protocol_options", json::object{}}}}};
  return {{"name", "xds-grpc"},
          {"type", istio::is_ip_address(host) ? "STATIC" : "STRICT_DNS"},
          {"connect_timeout", "1s"},
          {"typed_extension_protocol_options",
           json::object{{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions", protocol}}},
          {"transport_socket", json::object{{"name", "envoy.transport_sockets.tls"}, {"typed_config", tls}}},
          {"load_assignment",
           json::object{{"cluster_name", "xds-grpc"},
                        {"endpoints", json::array{json::object{{"lb_endpoints", json::array{endpoint}}}}}}}};
}

Result<std::string> cluster_file(const Arguments& arguments, const std::string& out) {
  std::error_code code;  // the cluster may be used from anywhere
  const std::string folder = std::filesystem::absolute(out, code).lexically_normal().string();

  const std::string address = arguments.get("--xds", "127.0.0.1:15012");
  const size_t colon = address.rfind(':');
  const auto port = istio::parse_integer(colon == std::string::npos ? "" : address.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return Error{"--xds: \"" + address + "\" is not HOST:PORT"};
  const istio::SpiffeId control{arguments.get("--trust-domain", istio::kDefaultTrustDomain),
                                arguments.get("--root-namespace", "istio-system"), "remora-control"};
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string name = istio::is_ip_address(host) ? "localhost" : host;
  return store::to_yaml(
      json::array{xds_cluster(host, static_cast<int>(*port), tls_context(folder, control.uri(), name))});
}

Result<void> write_identity(const Arguments& arguments, const identity::Issued& issued,
                            const std::string& root) {
  const std::string folder = arguments.get("--out", ".");
  const auto cluster = cluster_file(arguments, folder);
  if (!cluster.ok()) return Error{cluster.error()};
  auto written = store::replace_file(folder + "/key.pem", issued.key_pem);
  if (written.ok()) written = store::replace_file(folder + "/cert-chain.pem", issued.chain_pem);
  if (written.ok()) written = store::replace_file(folder + "/root-cert.pem", root);
  if (written.ok()) written = store::replace_file(folder + "/xds-cluster.yaml", *cluster);
  return written;
}

}  // namespace

int identity_issue(const Arguments& arguments) {
  const auto id = workload_of(arguments);
  if (!id.ok()) return fail(id.error().message);
  const auto lifetime = lifetime_of(arguments);
  if (!lifetime.ok()) return fail(lifetime.error().message);
  const auto authority = identity::CertificateAuthority::open(
      authority_source(arguments), identity::CertificateAuthority::IfMissing::kFail);
  if (!authority.ok()) return fail(authority.error().message);
  const auto issued = (*authority)->issue(*id, *lifetime);
  if (!issued.ok()) return fail(issued.error().message);
  const auto written = write_identity(arguments, *issued, (*authority)->root_pem());
  if (!written.ok()) return fail(written.error().message);
  std::printf("%s\n", id->uri().c_str());
  return kGood;
}

int identity_token(const Arguments& arguments) {
  std::string line = identity::make_token();
  if (line.empty()) return fail("no random numbers");
  if (arguments.has("--namespace") || arguments.has("--service-account")) {
    const auto id = workload_of(arguments);
    if (!id.ok()) return fail(id.error().message);
    line += "  " + id->ns + '/' + id->service_account;
  }
  std::puts(line.c_str());
  return kGood;
}

}  // namespace remora::ctl
