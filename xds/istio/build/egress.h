#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "istio/build/mesh_view.h"

// What the application calls, by the egress listeners of its Sidecar: each gets some of the services.
namespace remora::istio {

/// A port of a service that the application calls.
struct CalledPort {
  const MeshService* service;
  const MeshPort* port;
  Protocol protocol;  ///< as the listener says, else the port's own

  /// What declares nothing is taken for HTTP.
  bool is_http() const {
    return protocol == Protocol::kHttp || protocol == Protocol::kHttp2 || protocol == Protocol::kUndeclared;
  }
};

struct EgressGroup {
  const EgressListener* listener = nullptr;  ///< null: no Sidecar describes any
  std::vector<CalledPort> called;

  /// Whether each of its ports is a listener that clients connect to, although the pod's other connections
  /// are intercepted.
  bool own_socket() const { return listener != nullptr && !listener->captured; }
};

/// In the Sidecar's order: what is called at a listener with a port of its own comes before all the rest.
/// Without a Sidecar, one group of everything.
std::vector<EgressGroup> egress_groups(const MeshView& view);

/// For each port the services that requests to it can mean by their names: those of the first group that
/// takes requests there, for a port has one route table.
std::map<uint16_t, std::vector<const MeshService*>> http_tables(const std::vector<EgressGroup>& groups);

/// The services that share a listener of its own, by what they speak.
struct OutboundPort {
  std::string address;
  uint16_t number = 0;
  std::vector<const MeshService*> http;
  std::vector<const MeshService*> tls;  ///< told apart by the name that the client asks for
  /// Cannot be told apart: the first one has the port, unless HTTP does. Those that routes speak of, as a
  /// canary's do, come before what they lead to; then the oldest.
  std::vector<const MeshService*> tcp;
};

/// The listeners of `groups`; `only_own_sockets`: of those that have their own. Each stands where its group
/// says, else at `address`. An address and port that an earlier group has is not for a later one.
std::vector<OutboundPort> outbound_ports(const std::vector<EgressGroup>& groups, const MeshView& view,
                                         const std::string& address, bool only_own_sockets);

}  // namespace remora::istio
