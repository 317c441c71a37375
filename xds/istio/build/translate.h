#pragma once

#include <optional>
#include <string>
#include <vector>

#include "istio/build/egress.h"
#include "istio/build/inbound_ports.h"

namespace envoy::config {
namespace cluster::v3 {
class Cluster;
}
namespace endpoint::v3 {
class ClusterLoadAssignment;
}
namespace listener::v3 {
class Listener;
}
namespace route::v3 {
class RouteConfiguration;
class Route;
class RouteAction;
class RouteMatch;
class VirtualHost;
}  // namespace route::v3
}  // namespace envoy::config

// From the mesh to Envoy's resources, part by part, as istiod writes them. All functions are pure.
namespace remora::istio {

/// What holds for one subset (null: the whole host) on one port: the subset's settings over the rule's.
PolicySettings effective_policy(const MergedRule* rule, const Subset* subset, uint16_t port);

/// The cluster and its endpoints, for a port of a service and a subset of it (null: all endpoints).
struct ClusterParts {
  const MeshService& service;
  const MeshPort& port;
  const MergedRule* rule;
  const Subset* subset;
  const MeshView& view;
};

/// What a proxy speaks to a port's endpoints.
enum class UpstreamHttp { kHttp1, kHttp2, kAsClient, kNone };
UpstreamHttp upstream_protocol(const MeshPort& port, const PolicySettings& policy, const ProxyNode& node);

/// By which names the endpoints' certificates are recognised: the rule's, else the ServiceEntry's.
const std::vector<std::string>& peer_names(const ClusterParts& parts, const ClientTls& rule);

/// Timeouts and limits; Istio's defaults where the pool does not say.
void set_connection_pool(const ConnectionPool& pool, envoy::config::cluster::v3::Cluster& cluster);

/// Whether the client has chosen the endpoint already: it has looked up those of a headless service, or of
/// one that only clients know, and with interception the proxy knows where it was going. Such a cluster has
/// no endpoints.
bool chosen_by_client(const ClusterParts& parts);

/// Whether the proxy hears of the cluster's endpoints from us, as a resource of their own: they are neither
/// chosen by clients nor looked up, in which case the cluster holds their names.
bool has_assignment(const ClusterParts& parts);

envoy::config::cluster::v3::Cluster build_outbound_cluster(const ClusterParts& parts);
envoy::config::endpoint::v3::ClusterLoadAssignment build_load_assignment(const ClusterParts& parts);

/// The cluster that leads to the application.
envoy::config::cluster::v3::Cluster build_inbound_cluster(const InboundPort& inbound, const MeshView& view);
/// Where the application listens; an empty host where the connection says it.
std::pair<std::string, uint16_t> application_address(const InboundPort& inbound, const ProxyNode& node);

/// The name by which VirtualServices mean sidecars where they name gateways.
inline constexpr const char* kMeshGateway = "mesh";

/// The routes of `virtual_service` for requests to `port`, as this proxy sends them; `gateway`
/// ("NAMESPACE/NAME"): as those that come in there. May be empty.
std::vector<envoy::config::route::v3::Route> build_routes(const Resource& virtual_service, uint16_t port,
                                                          const MeshView& view,
                                                          const std::string& gateway = kMeshGateway);
/// Whether a match takes every request.
bool takes_everything(const envoy::config::route::v3::RouteMatch& match);
/// Whether one of `gateways`, as a VirtualService of `ns` writes them, is `gateway`.
bool names_gateway(const std::vector<std::string>& gateways, const std::string& ns,
                   const std::string& gateway);
/// The routes to a service, as its VirtualService says, or the one that it has without.
std::vector<envoy::config::route::v3::Route> build_service_routes(const MeshService& service, uint16_t port,
                                                                  const MeshView& view);
/// The route that services without a VirtualService have.
envoy::config::route::v3::Route build_default_route(const std::string& host, uint16_t port,
                                                    const std::optional<ConsistentHash>& hash);
/// The route of requests to hosts that the mesh does not know: to that cluster, or nowhere ("").
envoy::config::route::v3::Route build_unknown_route(const std::string& cluster);
/// Which of the two holds for the proxy.
std::string cluster_of_unknown_hosts(const MeshView& view);
/// Istio's rule: hosts without a service are called on this port.
inline constexpr uint16_t kServicelessPort = 80;
/// The route of an inbound listener to the application.
envoy::config::route::v3::Route build_inbound_route(const std::string& cluster);

/// What happens to a request that `http` takes: destinations, rewrites, mirrors, headers, retries.
void apply_route_action(const HttpRoute& http, const Resource& owner, uint16_t port, const MeshView& view,
                        envoy::config::route::v3::Route& route);
/// What the route says to HTTP filters: corsPolicy.
void apply_route_filters(const HttpRoute& http, envoy::config::route::v3::Route& route);
/// Which requests `match` takes.
void apply_route_match(const HttpMatch& match, envoy::config::route::v3::RouteMatch& out);
/// The policy for `retry`; the mesh's default where it is empty, none where it asks for no attempts.
/// `hashed`: the destination chooses hosts by hash, so that attempts stay with one unless `retry` says
/// otherwise.
void apply_retry_policy(const std::optional<HttpRetry>& retry, bool hashed,
                        envoy::config::route::v3::RouteAction& action);

/// By what requests to a subset ("": none) of `host` on `port` are spread, if it is by hash.
std::optional<ConsistentHash> consistent_hash_of(const std::string& host, const std::string& subset,
                                                 uint16_t port, const MeshView& view);
/// What of a request the proxy hashes for such a destination.
void add_hash_policy(const std::optional<ConsistentHash>& hash,
                     envoy::config::route::v3::RouteAction& action);

/// The route table for all services with this port: one virtual host each, and a last one for unknown hosts,
/// which are refused, or passed on where interception knows the way and the mesh lets them. For a proxy that
/// asks, a table without hosts, which come when they were asked for.
envoy::config::route::v3::RouteConfiguration build_route_configuration(
    uint16_t port, const std::vector<const MeshService*>& services, const MeshView& view);
/// The table of a port that declares no protocol and has an address of its own: whatever the client calls the
/// service, it is this one.
envoy::config::route::v3::RouteConfiguration build_sniffed_routes(const MeshService& service, uint16_t port,
                                                                  const MeshView& view);
/// The table of an inbound listener: everything goes to the application.
envoy::config::route::v3::RouteConfiguration build_inbound_route_configuration(const InboundPort& inbound);
/// The same for ports that no service knows.
envoy::config::route::v3::RouteConfiguration build_inbound_passthrough_routes();

/// Where the client is told where to connect, without interception or beside it.
envoy::config::listener::v3::Listener build_outbound_listener(const OutboundPort& port, const MeshView& view);
/// `mode` is never kUnset.
envoy::config::listener::v3::Listener build_inbound_listener(const InboundPort& inbound, const MeshView& view,
                                                             MtlsMode mode);

}  // namespace remora::istio
