#include "remora/config/proxy_header.h"

#include "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.pb.h"
#include "translate/field_check.h"
#include "translate/transport_socket.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

using envoy::config::core::v3::ProxyProtocolConfig;
using envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport;

// What a header of version 2 can hold behind two IPv6 addresses and ports.
constexpr size_t kMaxTlvBytes = 65535 - 36;
constexpr size_t kTlvHead = 3;

std::shared_ptr<const ProxyHeader> to_proxy_header(const ProxyProtocolConfig& config, Context& context) {
  const auto scope = context.in("config");
  auto out = std::make_shared<ProxyHeader>();
  out->v2 = config.version() == ProxyProtocolConfig::V2;
  size_t bytes = 0;
  for (int i = 0; i < config.added_tlvs_size(); ++i) {
    const auto at = context.in("added_tlvs", i);
    const auto& tlv = config.added_tlvs(i);
    if (tlv.value().empty()) context.error("value", "must have at least one byte");
    out->added_tlvs.emplace_back(static_cast<uint8_t>(tlv.type()), tlv.value());
    bytes += kTlvHead + tlv.value().size();
  }
  if (bytes > kMaxTlvBytes) context.error("added_tlvs", "take more bytes than a header can hold");
  return out;
}

}  // namespace

UpstreamSocket to_wrapped_socket(bool present, const envoy::config::core::v3::TransportSocket& socket,
                                 Context& context, SecretNeeds& needs) {
  const TypedConfig config = present ? unpack(socket.typed_config()) : TypedConfig();
  const auto* wrapper = dynamic_cast<const ProxyProtocolUpstreamTransport*>(config.message.get());
  if (wrapper == nullptr) return {to_upstream_socket(present, socket, context, needs), nullptr};
  const auto scope = context.in("transport_socket");
  const auto inside = context.in("typed_config");
  check_fields(*wrapper, context);
  UpstreamSocket out;
  out.header = to_proxy_header(wrapper->config(), context);
  out.tls = to_upstream_socket(wrapper->has_transport_socket(), wrapper->transport_socket(), context, needs);
  return out;
}

}  // namespace remora::xds
