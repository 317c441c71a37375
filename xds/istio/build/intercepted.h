#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/translate.h"

// The layout of a proxy whose pod's connections are intercepted, as istiod lays it out: what the kernel
// redirects arrives at two listeners, which hand it on by where it was going.
namespace remora::istio {

/// Istio's own ports in a pod, which no application can have there.
inline constexpr uint16_t kOutboundPort = 15001;
inline constexpr uint16_t kInboundPort = 15006;
bool is_reserved_port(uint16_t port);

/// Part of a proxy's configuration, and what had to be left out of it: path and reason.
struct Layout {
  std::vector<envoy::config::listener::v3::Listener> listeners;
  std::vector<envoy::config::route::v3::RouteConfiguration> routes;
  std::vector<std::pair<std::string, std::string>> notes;
};

/// virtualOutbound, and the listeners that it hands connections to, each with its routes: 0.0.0.0_PORT for
/// HTTP and for services that have no address, ADDRESS_PORT for all others. Route tables are those of all
/// `groups`, also of those that have sockets of their own.
Layout build_intercepted_outbound(const std::vector<EgressGroup>& groups, const MeshView& view);

/// virtualInbound: a chain or more for each port that services know, and those for all other ports. A proxy
/// that has not proved who it is gets none where mutual TLS is asked for.
Layout build_intercepted_inbound(const InboundPorts& ports, const MeshView& view);

/// Where connections go as they are (PassthroughCluster), and where nothing is (BlackHoleCluster).
std::vector<envoy::config::cluster::v3::Cluster> build_outbound_ends();
/// The application, on ports that no service knows (InboundPassthroughCluster).
envoy::config::cluster::v3::Cluster build_inbound_passthrough(const ProxyNode& node);
/// Makes `cluster` one whose connections go where they were going. From an address of the loopback's own, so
/// that the kernel does not intercept them once more.
void lead_to_application(const ProxyNode& node, envoy::config::cluster::v3::Cluster& cluster);
/// Connections of `cluster` come from that address: for what is at the pod's own addresses.
void come_from_loopback(const ProxyNode& node, envoy::config::cluster::v3::Cluster& cluster);
/// Where connections were going, from any address: for what leaves the pod.
void lead_to_original_destination(envoy::config::cluster::v3::Cluster& cluster);

/// A listener on every address of the node's families.
envoy::config::listener::v3::Listener wildcard_listener(const ProxyNode& node, uint16_t port);
/// "0.0.0.0", or "::" where the workload has no IPv4.
std::string wildcard_address(const ProxyNode& node);

}  // namespace remora::istio
