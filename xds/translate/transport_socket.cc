#include "translate/transport_socket.h"

#include "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.pb.h"
#include "translate/typed_config.h"

namespace remora::xds {

void check_transport_socket(bool present, const envoy::config::core::v3::TransportSocket& socket,
                            Context& context) {
  using envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
  if (!present) return;
  const auto scope = context.in("transport_socket");
  const TypedConfig config = unpack(socket.typed_config());
  const bool by_name = config.type_url.empty() && socket.name() == "envoy.transport_sockets.raw_buffer";
  if (by_name || dynamic_cast<const RawBuffer*>(config.message.get()) != nullptr) return;
  refuse_extension("transport socket", socket.name(), config, context);
}

}  // namespace remora::xds
