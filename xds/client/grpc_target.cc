#include "client/grpc_target.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::core::v3;
using envoy::config::bootstrap::v3::Bootstrap;
using ProtoCluster = envoy::config::cluster::v3::Cluster;

constexpr const char* kIpv4 = "ipv4:";
constexpr const char* kIpv6 = "ipv6:";

bool is_literal_ip(const std::string& host) { return Address::ip(host, 0).ok(); }

/// Where gRPC finds an endpoint, "scheme:place": it resolves names itself.
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
  return (is_v6 ? kIpv6 : kIpv4) + host_port;
}

/// Each endpoint of a cluster, in the order in which they are written.
std::vector<std::string> targets_of(const ProtoCluster& cluster) {
  std::vector<std::string> targets;
  for (const auto& locality : cluster.load_assignment().endpoints()) {
    for (const auto& endpoint : locality.lb_endpoints()) {
      if (endpoint.endpoint().has_address()) targets.push_back(to_target(endpoint.endpoint().address()));
    }
  }
  return targets;
}

/// How many of them gRPC takes as one target: it knows lists of addresses of one family, and tries them in
/// their order.
size_t together(const std::vector<std::string>& targets) {
  if (targets.empty()) return 0;
  const std::string scheme = targets.front().substr(0, targets.front().find(':') + 1);
  if (scheme != kIpv4 && scheme != kIpv6) return 1;
  const auto other = std::find_if(targets.begin(), targets.end(),
                                  [&](const std::string& target) { return !target.starts_with(scheme); });
  return static_cast<size_t>(other - targets.begin());
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

/// gRPC's own client makes the connection, so of its server's cluster little more than the address counts.
void check_cluster(const ProtoCluster& cluster, Context& context) {
  to_grpc_tls(cluster, context);
  if (cluster.type() == ProtoCluster::EDS || cluster.type() == ProtoCluster::ORIGINAL_DST) {
    context.error("type", "the cluster of a gRPC server must be STATIC, STRICT_DNS or LOGICAL_DNS");
  }
  const auto targets = targets_of(cluster);
  if (together(targets) < targets.size()) {
    context.warning("load_assignment", "of its endpoints only the first " +
                                           std::to_string(together(targets)) +
                                           " are tried: several must be IP addresses of one family");
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  cluster.GetReflection()->ListFields(cluster, &fields);
  for (const auto* field : fields) {
    if (std::find(std::begin(kReadOfCluster), std::end(kReadOfCluster), field->name()) !=
        std::end(kReadOfCluster))
      continue;
    if (field->name().starts_with("transport_socket")) continue;
    context.warning(field->name(), "has no effect on the connection to the gRPC server, which is gRPC's own");
  }
}

std::string target_of_cluster(const Bootstrap& bootstrap, const std::string& name, Context& context,
                              GrpcTarget& out) {
  int index = 0;
  const ProtoCluster* cluster = find_cluster(bootstrap, name, index);
  if (cluster == nullptr) {
    context.error("cluster_name", "there is no static cluster '" + name + "'");
    return {};
  }
  if (cluster->has_connect_timeout())
    out.connect_timeout = to_milliseconds(cluster->connect_timeout(), "cluster_name", context);
  ConfigReport elsewhere;  // check_grpc_cluster says what is wrong with the socket, under the cluster's path
  Context quiet(context.environment(), elsewhere);
  out.tls = to_grpc_tls(*cluster, quiet);
  const std::vector<std::string> targets = targets_of(*cluster);
  if (targets.empty()) {
    context.error("cluster_name", "the cluster '" + name + "' has no endpoint");
    return {};
  }
  std::string target = targets.front();
  for (size_t i = 1; i < together(targets); ++i) target += ',' + targets[i].substr(targets[i].find(':') + 1);
  return target;
}

}  // namespace

void set_grpc_target(const Bootstrap& bootstrap, const v3::GrpcService& service, Context& context,
                     GrpcTarget& out) {
  for (int i = 0; i < service.initial_metadata_size(); ++i) {
    const auto& header = service.initial_metadata(i);
    const auto checked = check_metadata_value(header.value());
    if (!checked.ok()) {
      const auto item = context.in("initial_metadata", i);
      context.error("value", checked.error().message);
      continue;
    }
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
  out.target = target_of_cluster(bootstrap, envoy.cluster_name(), context, out);
}

void check_grpc_cluster(const Bootstrap& bootstrap, const std::string& name, Context& at_root) {
  int index = 0;
  const ProtoCluster* cluster = find_cluster(bootstrap, name, index);
  if (cluster == nullptr) return;
  const auto resources = at_root.in("static_resources");
  const auto at = at_root.in("clusters", index);
  check_cluster(*cluster, at_root);
}

GrpcServiceCheck grpc_service_check(const Bootstrap& bootstrap) {
  return [&bootstrap](const v3::GrpcService& service, Context& context) {
    GrpcTarget unused;
    set_grpc_target(bootstrap, service, context, unused);
  };
}

GrpcServiceCheck grpc_service_check(const KeptBootstrap& bootstrap) {
  return [&bootstrap](const v3::GrpcService& service, Context& context) {
    const Bootstrap message = bootstrap.message();
    grpc_service_check(message)(service, context);
  };
}

std::shared_ptr<grpc::Channel> make_grpc_channel(const GrpcTarget& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(target.connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(
      target.max_message_bytes == 0 ? -1 : static_cast<int>(target.max_message_bytes));
  if (!target.authority.empty()) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, target.authority);
  if (!target.tls)
    return grpc::CreateCustomChannel(target.target, grpc::InsecureChannelCredentials(), arguments);
  if (!target.tls->server_name.empty()) arguments.SetSslTargetNameOverride(target.tls->server_name);
  return grpc::CreateCustomChannel(target.target, make_grpc_credentials(*target.tls), arguments);
}

}  // namespace remora::xds
