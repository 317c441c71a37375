#include "translate/transport_socket.h"

#include <algorithm>
#include <set>

#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "translate/tls_context.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace tls = envoy::extensions::transport_sockets::tls::v3;
using envoy::config::core::v3::TransportSocket;
using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;

/// The TLS context of the kind that belongs here; null: plain text, or an error that is recorded.
template <typename TlsContext, typename Translate>
auto to_socket(bool present, const TransportSocket& socket, Context& context, SecretNeeds& needs,
               Translate translate) -> decltype(translate(TlsContext(), context, needs)) {
  if (!present) return nullptr;
  const auto scope = context.in("transport_socket");
  const TypedConfig config = unpack(socket.typed_config());
  const bool by_name = config.type_url.empty() && socket.name() == "envoy.transport_sockets.raw_buffer";
  if (by_name || dynamic_cast<const RawBuffer*>(config.message.get()) != nullptr) return nullptr;
  if (const auto* found = dynamic_cast<const TlsContext*>(config.message.get())) {
    const auto inside = context.in("typed_config");
    return translate(*found, context, needs);
  }
  refuse_extension("transport socket", socket.name(), config, context);
  return nullptr;
}

/// Protocols agree by ALPN, which needs TLS to every host.
void check_alpn(const envoy::config::cluster::v3::Cluster& cluster, const ClusterConfig& out,
                Context& context) {
  if (out.protocol != UpstreamProtocol::kAuto) return;
  const auto& matches = out.transport_socket_matches;
  const bool plain =
      std::any_of(matches.begin(), matches.end(), [](const auto& match) { return !match.tls; });
  if (out.tls && !plain) return;
  context.error("the protocol is to be agreed by ALPN (auto_config), but cluster '" + cluster.name() +
                "' has a transport socket without ALPN");
}

}  // namespace

std::shared_ptr<const DownstreamTls> to_downstream_socket(bool present, const TransportSocket& socket,
                                                          Context& context, SecretNeeds& needs) {
  return to_socket<tls::DownstreamTlsContext>(present, socket, context, needs, to_downstream_tls);
}

std::shared_ptr<const UpstreamTls> to_upstream_socket(bool present, const TransportSocket& socket,
                                                      Context& context, SecretNeeds& needs) {
  return to_socket<tls::UpstreamTlsContext>(present, socket, context, needs, to_upstream_tls);
}

void set_transport_sockets(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                           SecretNeeds& needs, ClusterConfig& out) {
  const size_t errors_before = context.report().error_count();
  auto own = to_wrapped_socket(cluster.has_transport_socket(), cluster.transport_socket(), context, needs);
  out.tls = std::move(own.tls);
  out.proxy_header = std::move(own.header);
  std::set<std::string> seen;
  for (int i = 0; i < cluster.transport_socket_matches_size(); ++i) {
    const auto scope = context.in("transport_socket_matches", i);
    const auto& match = cluster.transport_socket_matches(i);
    if (!seen.insert(match.name()).second) context.error("name", "'" + match.name() + "' is there twice");
    auto socket = to_wrapped_socket(match.has_transport_socket(), match.transport_socket(), context, needs);
    out.transport_socket_matches.push_back(
        {match.name(), to_subset_match(match.match()), std::move(socket.tls), std::move(socket.header)});
  }
  if (context.report().error_count() == errors_before) check_alpn(cluster, out, context);
}

}  // namespace remora::xds
