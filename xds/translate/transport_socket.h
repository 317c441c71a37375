#pragma once

#include <memory>
#include <vector>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/core/v3/base.pb.h"
#include "remora/config/cluster.h"
#include "remora/config/tls.h"
#include "translate/context.h"
#include "translate/secret_source.h"

namespace remora::xds {

/// How connections are secured: plain text (null) or TLS; another kind is an error. The context stands at
/// the message that holds the socket in its field transport_socket. Secrets are added to `needs`.
std::shared_ptr<const DownstreamTls> to_downstream_socket(
    bool present, const envoy::config::core::v3::TransportSocket& socket, Context& context,
    SecretNeeds& needs);
std::shared_ptr<const UpstreamTls> to_upstream_socket(bool present,
                                                      const envoy::config::core::v3::TransportSocket& socket,
                                                      Context& context, SecretNeeds& needs);

/// The same where a PROXY header may stand in front (envoy.transport_sockets.upstream_proxy_protocol around
/// one of the two).
struct UpstreamSocket {
  std::shared_ptr<const UpstreamTls> tls;
  std::shared_ptr<const ProxyHeader> header;  ///< null: none
};
UpstreamSocket to_wrapped_socket(bool present, const envoy::config::core::v3::TransportSocket& socket,
                                 Context& context, SecretNeeds& needs);

/// The cluster's transport_socket and transport_socket_matches. Standing at the cluster.
void set_transport_sockets(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                           SecretNeeds& needs, ClusterConfig& out);

}  // namespace remora::xds
