#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "istio/build/proto_util.h"
#include "istio/build/tls.h"

namespace remora::istio {
namespace {

using envoy::config::core::v3::ProxyProtocolConfig;
using envoy::config::core::v3::TransportSocket;

void wrap(ProxyProtocol version, TransportSocket& socket) {
  envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport wrapper;
  wrapper.mutable_config()->set_version(version == ProxyProtocol::kV2 ? ProxyProtocolConfig::V2
                                                                      : ProxyProtocolConfig::V1);
  *wrapper.mutable_transport_socket() = std::move(socket);
  socket.Clear();
  socket.set_name("envoy.transport_sockets.upstream_proxy_protocol");
  *socket.mutable_typed_config() = pack(wrapper);
}

}  // namespace

void tell_ends(ProxyProtocol version, envoy::config::cluster::v3::Cluster& cluster) {
  if (!cluster.has_transport_socket() && cluster.transport_socket_matches().empty()) {
    cluster.mutable_transport_socket()->set_name("envoy.transport_sockets.raw_buffer");
    *cluster.mutable_transport_socket()->mutable_typed_config() =
        pack(envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer());
  }
  if (cluster.has_transport_socket()) wrap(version, *cluster.mutable_transport_socket());
  for (auto& match : *cluster.mutable_transport_socket_matches())
    wrap(version, *match.mutable_transport_socket());
}

}  // namespace remora::istio
