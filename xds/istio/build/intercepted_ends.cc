#include <algorithm>
#include <array>

#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "istio/build/filters.h"
#include "istio/build/intercepted.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"

namespace remora::istio {
namespace {

using envoy::config::cluster::v3::Cluster;
using envoy::config::listener::v3::Listener;

/// Admin, outbound, agent's debugging, inbound, tunnels in and out, agent's metrics, readiness, DNS, metrics.
constexpr std::array<uint16_t, 11> kReserved{15000, 15001, 15002, 15004, 15006, 15008,
                                             15009, 15020, 15021, 15053, 15090};

constexpr const char* kIpv4Wildcard = "0.0.0.0";
constexpr const char* kIpv6Wildcard = "::";
/// Connections from these are not redirected to the proxy again.
constexpr const char* kIpv4Bind = "127.0.0.6";
constexpr const char* kIpv6Bind = "::6";

constexpr Duration kConnectTimeout = std::chrono::seconds(10);
constexpr Duration kIdleTimeout = std::chrono::seconds(300);

/// Nobody knows what it carries: HTTP goes on in the version that it came in.
Cluster passthrough(const std::string& name) {
  Cluster cluster;
  cluster.set_name(name);
  lead_to_original_destination(cluster);
  set_connection_pool({}, cluster);
  envoy::extensions::upstreams::http::v3::HttpProtocolOptions options;
  set_duration(kIdleTimeout, *options.mutable_common_http_protocol_options()->mutable_idle_timeout());
  options.mutable_use_downstream_protocol_config()->mutable_http_protocol_options();
  options.mutable_use_downstream_protocol_config()->mutable_http2_protocol_options();
  (*cluster.mutable_typed_extension_protocol_options())
      ["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] = pack(options);
  return cluster;
}

}  // namespace

bool is_reserved_port(uint16_t port) {
  return std::find(kReserved.begin(), kReserved.end(), port) != kReserved.end();
}

void lead_to_original_destination(Cluster& cluster) {
  cluster.set_type(Cluster::ORIGINAL_DST);
  cluster.set_lb_policy(Cluster::CLUSTER_PROVIDED);
}

void lead_to_application(const ProxyNode& node, Cluster& cluster) {
  lead_to_original_destination(cluster);
  come_from_loopback(node, cluster);
}

void come_from_loopback(const ProxyNode& node, Cluster& cluster) {
  auto& bind = *cluster.mutable_upstream_bind_config();
  bind.mutable_source_address()->set_address(node.has_ipv4() ? kIpv4Bind : kIpv6Bind);
  bind.mutable_source_address()->set_port_value(0);
  if (!node.has_ipv4() || !node.has_ipv6()) return;
  auto& other = *bind.add_extra_source_addresses()->mutable_address();
  other.set_address(kIpv6Bind);
  other.set_port_value(0);
}

std::vector<Cluster> build_outbound_ends() {
  Cluster hole;
  hole.set_name(kBlackHoleCluster);
  hole.set_type(Cluster::STATIC);
  set_duration(kConnectTimeout, *hole.mutable_connect_timeout());
  return {std::move(hole), passthrough(kPassthroughCluster)};
}

Cluster build_inbound_passthrough(const ProxyNode& node) {
  Cluster cluster = passthrough(kInboundPassthroughCluster);
  lead_to_application(node, cluster);
  return cluster;
}

std::string wildcard_address(const ProxyNode& node) {
  return node.has_ipv4() ? kIpv4Wildcard : kIpv6Wildcard;
}

Listener wildcard_listener(const ProxyNode& node, uint16_t port) {
  Listener listener = empty_listener(wildcard_address(node), port);
  if (node.has_ipv4() && node.has_ipv6()) {
    set_socket_address(kIpv6Wildcard, port, *listener.add_additional_addresses()->mutable_address());
  }
  return listener;
}

}  // namespace remora::istio
