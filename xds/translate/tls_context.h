#pragma once

#include <memory>

#include "envoy/extensions/transport_sockets/tls/v3/tls.pb.h"
#include "remora/config/tls.h"
#include "translate/context.h"
#include "translate/secret_source.h"

namespace remora::xds {

/// DownstreamTlsContext -> DownstreamTls. The context stands at the message; secrets that it names are added
/// to `needs`. Never null; meaningful if no error was recorded.
std::shared_ptr<const DownstreamTls> to_downstream_tls(
    const envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext& source, Context& context,
    SecretNeeds& needs);

/// UpstreamTlsContext -> UpstreamTls, likewise.
std::shared_ptr<const UpstreamTls> to_upstream_tls(
    const envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext& source, Context& context,
    SecretNeeds& needs);

}  // namespace remora::xds
