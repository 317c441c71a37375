#pragma once

#include <memory>

#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "remora/config/filter_chain.h"
#include "translate/context.h"

namespace remora::xds {

/// TcpProxy -> TcpProxyConfig. The context stands at the message. Never null; meaningful if no error was
/// recorded.
std::shared_ptr<const TcpProxyConfig> to_tcp_proxy(
    const envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy& proxy, Context& context);

}  // namespace remora::xds
