#include "client/ads_config.h"

#include <algorithm>
#include <iterator>

#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::core::v3;
using envoy::config::bootstrap::v3::Bootstrap;
using ProtoCluster = envoy::config::cluster::v3::Cluster;

constexpr Milliseconds kDefaultFetchTimeout{15000};

bool is_literal_ip(const std::string& host) { return Address::ip(host, 0).ok(); }

/// Where gRPC finds an endpoint: it resolves names itself.
std::string to_target(const v3::Address& address) {
  if (address.has_pipe()) {
    const std::string& path = address.pipe().path();
    return path.starts_with('@') ? "unix-abstract:" + path.substr(1) : "unix:" + path;
  }
  const auto& socket = address.socket_address();
  const bool is_v6 = socket.address().find(':') != std::string::npos;
  const std::string host_port =
      (is_v6 ? "[" + socket.address() + "]" : socket.address()) + ":" + std::to_string(socket.port_value());
  if (!is_literal_ip(socket.address())) return "dns:///" + host_port;
  return (is_v6 ? "ipv6:" : "ipv4:") + host_port;
}

const ProtoCluster* find_cluster(const Bootstrap& bootstrap, const std::string& name, int& index) {
  const auto& clusters = bootstrap.static_resources().clusters();
  for (index = 0; index < clusters.size(); ++index) {
    if (clusters[index].name() == name) return &clusters[index];
  }
  return nullptr;
}

constexpr std::string_view kReadOfCluster[] = {"name",
                                               "type",
                                               "load_assignment",
                                               "connect_timeout",
                                               "typed_extension_protocol_options",
                                               "http2_protocol_options"};

/// gRPC's own client makes the connection, so of the management server's cluster little more than the address
/// counts.
void check_management_cluster(const ProtoCluster& cluster, Context& context) {
  if (cluster.has_transport_socket() || cluster.transport_socket_matches_size() > 0) {
    context.unsupported("transport_socket", "TLS to the management server");
  }
  if (cluster.type() == ProtoCluster::EDS || cluster.type() == ProtoCluster::ORIGINAL_DST) {
    context.error("type", "the management server's cluster must be STATIC, STRICT_DNS or LOGICAL_DNS");
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  cluster.GetReflection()->ListFields(cluster, &fields);
  for (const auto* field : fields) {
    if (std::find(std::begin(kReadOfCluster), std::end(kReadOfCluster), field->name()) !=
        std::end(kReadOfCluster))
      continue;
    if (field->name().starts_with("transport_socket")) continue;
    context.warning(field->name(),
                    "has no effect on the connection to the management server, which is gRPC's own");
  }
}

std::string target_of_cluster(const Bootstrap& bootstrap, const std::string& name,
                              Milliseconds& connect_timeout, Context& context) {
  int index = 0;
  const ProtoCluster* cluster = find_cluster(bootstrap, name, index);
  if (cluster == nullptr) {
    context.error("cluster_name", "there is no static cluster '" + name + "'");
    return {};
  }
  if (cluster->has_connect_timeout())
    connect_timeout = to_milliseconds(cluster->connect_timeout(), "cluster_name", context);
  for (const auto& locality : cluster->load_assignment().endpoints()) {
    for (const auto& endpoint : locality.lb_endpoints()) {
      if (endpoint.endpoint().has_address()) return to_target(endpoint.endpoint().address());
    }
  }
  context.error("cluster_name", "the cluster '" + name + "' has no endpoint");
  return {};
}

void set_grpc_service(const Bootstrap& bootstrap, const v3::GrpcService& service, Context& context,
                      AdsConfig& out) {
  for (const auto& header : service.initial_metadata()) {
    out.initial_metadata.emplace_back(lower(header.key()), header.value());
  }
  if (service.has_google_grpc()) {
    out.target = service.google_grpc().target_uri();
    return;
  }
  const auto scope = context.in("envoy_grpc");
  const auto& envoy = service.envoy_grpc();
  out.authority = envoy.authority();
  if (envoy.has_max_receive_message_length())
    out.max_message_bytes = envoy.max_receive_message_length().value();
  out.target = target_of_cluster(bootstrap, envoy.cluster_name(), out.connect_timeout, context);
}

void check_api(const v3::ApiConfigSource& source, Context& context) {
  if (source.api_type() != v3::ApiConfigSource::GRPC) {
    context.unsupported("api_type", v3::ApiConfigSource::ApiType_Name(source.api_type()));
  }
  if (source.transport_api_version() == v3::V2) context.error("transport_api_version", "must be V3");
  if (source.grpc_services_size() == 0) context.error("grpc_services", "is required");
  if (source.grpc_services_size() > 1)
    context.unsupported("grpc_services", "more than one management server");
}

/// True if the source is ADS; records an error if it is something else.
bool uses_ads(const v3::ConfigSource& source, std::string_view field, Context& context,
              Milliseconds& fetch_timeout) {
  const auto scope = context.in(field);
  if (!source.has_ads()) {
    context.error("only ads is implemented by this build as a source");
    return false;
  }
  if (source.resource_api_version() == v3::V2) context.error("resource_api_version", "must be V3");
  fetch_timeout = source.has_initial_fetch_timeout()
                      ? to_milliseconds(source.initial_fetch_timeout(), "initial_fetch_timeout", context)
                      : kDefaultFetchTimeout;
  return true;
}

}  // namespace

std::string management_cluster_name(const Bootstrap& bootstrap) {
  const auto& services = bootstrap.dynamic_resources().ads_config().grpc_services();
  return services.empty() ? std::string() : services[0].envoy_grpc().cluster_name();
}

std::optional<AdsConfig> to_ads_config(const Bootstrap& bootstrap, Context& context) {
  const auto& dynamic = bootstrap.dynamic_resources();
  const auto scope = context.in("dynamic_resources");
  AdsConfig out;
  if (dynamic.has_lds_config()) {
    out.listeners = uses_ads(dynamic.lds_config(), "lds_config", context, out.listeners_fetch_timeout);
  }
  if (dynamic.has_cds_config()) {
    out.clusters = uses_ads(dynamic.cds_config(), "cds_config", context, out.clusters_fetch_timeout);
  }
  if (!dynamic.has_ads_config()) {
    if (out.listeners || out.clusters) context.error("ads_config", "is required, because a source uses ads");
    return std::nullopt;
  }
  {
    const auto ads = context.in("ads_config");
    check_api(dynamic.ads_config(), context);
    out.node_on_first_message_only = dynamic.ads_config().set_node_on_first_message_only();
    if (dynamic.ads_config().grpc_services_size() == 0) return std::nullopt;
    const auto service = context.in("grpc_services", 0);
    set_grpc_service(bootstrap, dynamic.ads_config().grpc_services(0), context, out);
  }
  int index = 0;
  if (const auto* cluster = find_cluster(bootstrap, management_cluster_name(bootstrap), index)) {
    // Findings about the cluster itself stand under its own path.
    Context at_root(context.environment(), context.report());
    const auto resources = at_root.in("static_resources");
    const auto at = at_root.in("clusters", index);
    check_management_cluster(*cluster, at_root);
  }
  return out;
}

}  // namespace remora::xds
