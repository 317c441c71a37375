#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "istio/build/mesh_view.h"

namespace remora::istio {

/// A port of the proxy's own workload, and what serves there.
struct InboundPort {
  uint16_t port = 0;                   ///< that clients were going to
  const Endpoint* workload = nullptr;  ///< the first of those that share the port
  std::vector<std::pair<const MeshService*, const MeshPort*>> services;  ///< at least one
  const IngressListener* ingress = nullptr;  ///< what the workload's Sidecar says of the port

  /// What stands in the place of a service's port where a Sidecar describes the port.
  struct Own {
    MeshService service;  ///< without a host: no service has the port
    MeshPort port;
    Endpoint workload;
  };
  std::shared_ptr<const Own> own;  ///< keeps what the pointers above point to; null: the registry does
};
using InboundPorts = std::map<uint16_t, InboundPort>;

/// The ports on which the proxy's own addresses serve something: those of its Sidecar's `ingress`, else those
/// of the services that it is an endpoint of.
InboundPorts inbound_ports(const MeshView& view);

/// The TLS that the Sidecar has the port take from clients that are not of the mesh. Null: none, or mutual
/// TLS of the mesh stands in its way, for PeerAuthentication does not turn that off.
const ServerTls* own_tls(const InboundPort& inbound, const MeshView& view);

/// Where the proxy takes a port's connections, if it has a listener of its own.
std::string inbound_address(const InboundPort& inbound, const ProxyNode& node);

}  // namespace remora::istio
