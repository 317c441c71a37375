#pragma once

#include <memory>

#include "tls/server_tls.h"
#include "tls/ssl_context.h"

namespace remora {

/// A listener's context from its configuration and what its secrets hold now. Errors name the field.
Result<std::shared_ptr<const ServerTls>> make_server_tls(std::shared_ptr<const DownstreamTls> config,
                                                         TlsMaterial material);

}  // namespace remora
