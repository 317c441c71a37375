#pragma once

#include "envoy/config/core/v3/protocol.pb.h"
#include "remora/config/http2.h"
#include "translate/context.h"

namespace remora::xds {

/// Http2ProtocolOptions of either side, over what `out` holds already. The context stands at the message.
void set_http2(const envoy::config::core::v3::Http2ProtocolOptions& options, Context& context,
               Http2Options& out);

}  // namespace remora::xds
