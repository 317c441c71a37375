#pragma once

#include <string>

#include "istio/build/translate.h"

namespace envoy::config::core::v3 {
class TransportSocket;
}
namespace envoy::extensions::transport_sockets::tls::v3 {
class CertificateValidationContext;
class CommonTlsContext;
class SdsSecretConfig;
}  // namespace envoy::extensions::transport_sockets::tls::v3
namespace google::protobuf {
class Message;
class Struct;
}  // namespace google::protobuf

// Mutual TLS between sidecars, as Istio sets it up, and TLS towards others as a DestinationRule says.
namespace remora::istio {

/// How a proxy reaches a cluster's endpoints.
enum class Encryption {
  kPlain,
  kWhereSidecar,  ///< mutual TLS with endpoints that have a sidecar, plain text with others (Istio: auto
                  ///< mTLS)
  kAlways,        ///< as the DestinationRule says
};
Encryption encryption_of(const ClusterParts& parts, const PolicySettings& policy);

/// Whether the rule asks for the mesh's own mutual TLS, for which the proxy must have proved who it is.
bool lacks_identity(const ClusterParts& parts);

/// Sets the cluster's transport sockets for `policy`.
void set_transport_sockets(const ClusterParts& parts, const PolicySettings& policy,
                           envoy::config::cluster::v3::Cluster& cluster);

/// Connections of the cluster begin with a PROXY header, whatever its transport sockets are.
void tell_ends(ProxyProtocol version, envoy::config::cluster::v3::Cluster& cluster);

/// Whether clients of `port` may count on a sidecar that takes mutual TLS.
bool takes_mutual_tls(const Endpoint& endpoint, const Registry& registry);

/// What the inbound side shows its clients, and asks of them.
void set_inbound_tls(const std::string& trust_domain, envoy::config::core::v3::TransportSocket& socket);

/// What a server shows clients that need not be of the mesh, as `wanted` says. `http`: it reads requests, and
/// says so in the handshake.
void set_server_tls(const ServerTls& wanted, bool http, envoy::config::core::v3::TransportSocket& socket);

/// How long a listener or cluster waits for a secret that does not come.
enum class Patience { kAWhile, kForEver };  // Envoy's fifteen seconds, or as long as it takes
/// A secret that comes over the proxy's own stream.
void set_secret(const std::string& name, Patience patience,
                envoy::extensions::transport_sockets::tls::v3::SdsSecretConfig& secret);
/// The workload's own certificate, and peers of the same root.
void set_workload_identity(envoy::extensions::transport_sockets::tls::v3::CommonTlsContext& common);
/// A peer's certificate must have this name: a URI, an address or a DNS name; or another one that was added.
void add_peer_name(const std::string& name,
                   envoy::extensions::transport_sockets::tls::v3::CertificateValidationContext& validation);
void set_tls_socket(const google::protobuf::Message& context,
                    envoy::config::core::v3::TransportSocket& socket);

/// The key by which endpoints find their transport socket.
void set_tls_mode(google::protobuf::Struct& match);

}  // namespace remora::istio
