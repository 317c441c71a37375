#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "istio/build/translate.h"

namespace envoy::config::listener::v3 {
class FilterChain;
}

// What stands in filter chains and in front of them, whichever listener has them.
namespace remora::istio {

/// What connections of a chain do in the end.
struct HttpChain {
  std::string stat_prefix;
  bool grpc = false;                        ///< it may carry gRPC, whose messages are counted then
  std::vector<const JwtRule*> jwt_rules{};  ///< of tokens that requests may bring
  bool routes_by_claims = false;            ///< of those tokens
};

/// Requests that the application makes, routed by the table called `route_table`.
void add_outbound_http(const HttpChain& http, const std::string& route_table, const ProxyNode& node,
                       envoy::config::listener::v3::FilterChain& chain);
/// Requests for the application.
void add_inbound_http(const HttpChain& http, const envoy::config::route::v3::RouteConfiguration& routes,
                      const ProxyNode& node, envoy::config::listener::v3::FilterChain& chain);

/// Requests of anybody's, routed by the table called `route_table`.
void add_gateway_http(HttpChain http, const std::string& route_table, const ProxyNode& node,
                      envoy::config::listener::v3::FilterChain& chain);

/// A cluster and its share of connections.
struct ClusterShare {
  std::string cluster;
  uint32_t weight = 1;
};

/// Bytes, to one of `clusters`, of which there is at least one.
void add_tcp(const std::string& stat_prefix, const std::vector<ClusterShare>& clusters,
             const PolicySettings& policy, envoy::config::listener::v3::FilterChain& chain);

/// A listener on one address. Its name is the address and the port.
envoy::config::listener::v3::Listener empty_listener(const std::string& address, uint16_t port);

/// Reads the name and the protocols that a TLS client begins with, before a filter chain is chosen.
void inspect_tls(envoy::config::listener::v3::Listener& listener);
/// Tells HTTP from other bytes, before a filter chain is chosen.
void inspect_http(envoy::config::listener::v3::Listener& listener);

/// Clients that speak the mesh's mutual TLS say so by these words of Istio's: those that send HTTP, and all.
const std::vector<std::string>& mesh_http_words();
const std::vector<std::string>& mesh_words();

}  // namespace remora::istio
