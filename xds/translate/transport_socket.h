#pragma once

#include "envoy/config/core/v3/base.pb.h"
#include "translate/context.h"

namespace remora::xds {

/// Only plain sockets are implemented. Standing at the message that holds the transport_socket.
void check_transport_socket(bool present, const envoy::config::core::v3::TransportSocket& socket,
                            Context& context);

}  // namespace remora::xds
