#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "istio/build/credential_use.h"
#include "istio/build/intercepted.h"
#include "istio/build/translate.h"

namespace envoy::config::core::v3 {
class TransportSocket;
}

// A proxy at the mesh's edge: ports by the Gateways that choose it, routes by the VirtualServices that name
// these, as istiod writes them.
namespace remora::istio {

/// A server of a Gateway that this proxy carries out.
struct BoundServer {
  const Resource* gateway = nullptr;
  const GatewayServer* server = nullptr;

  /// "NAMESPACE/NAME" of the Gateway.
  std::string gateway_id() const { return gateway->ns + '/' + gateway->name; }
};

/// One address and port of the proxy, and the servers that share it: all take HTTP in plain text, or all take
/// TLS, or all take bytes.
struct GatewayPort {
  std::string bind;  ///< empty: all addresses
  uint16_t number = 0;
  std::vector<BoundServer> servers;
};

/// Path and reason of what had to be left out.
using GatewayNotes = std::vector<std::pair<std::string, std::string>>;

/// All that a gateway gets but clusters and endpoints.
struct GatewayLayout {
  Layout layout;
  std::set<std::string> clusters;  ///< that it leads to, by name
  std::vector<CredentialUse> credentials;
};
GatewayLayout build_gateway(const MeshView& view);

/// The ports of the view's proxy. A server says the port of the proxy's Service, which leads to another one
/// perhaps; where none does, it is the proxy's own. Of servers that cannot share a port the older Gateway's
/// has it.
std::vector<GatewayPort> gateway_ports(const MeshView& view, GatewayNotes& notes);

/// The hosts that a server and a VirtualService have in common: the narrower name of each pair.
std::vector<std::string> common_hosts(const BoundServer& bound, const Resource& virtual_service);
/// The VirtualServices that a server follows: those that name its Gateway, and that the proxy's namespace
/// sees.
std::vector<const Resource*> routed_by(const BoundServer& bound, const MeshView& view);

/// "http.80", or "https.443.port.name.ns" where TLS ends: each server has a table of its own then.
std::string gateway_table_name(const BoundServer& bound, uint16_t number);
/// The table of `servers`. Requests that no VirtualService knows find nothing in it (404).
envoy::config::route::v3::RouteConfiguration build_gateway_routes(const std::string& name,
                                                                  const std::vector<BoundServer>& servers,
                                                                  const MeshView& view);

/// Without filter chains where nothing of the port can be served. Adds the clusters that it leads to.
envoy::config::listener::v3::Listener build_gateway_listener(const GatewayPort& port, const MeshView& view,
                                                             std::set<std::string>& clusters,
                                                             GatewayNotes& notes);

/// The names of the secrets of `tls`, for SDS: certificate and key, and whom to trust.
std::string credential_secret(const ServerTls& tls);
std::string credential_ca_secret(const ServerTls& tls);

}  // namespace remora::istio
