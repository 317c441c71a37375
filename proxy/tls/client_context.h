#pragma once

#include <memory>

#include "tls/client_tls.h"
#include "tls/ssl_context.h"

namespace remora {

/// A cluster's context from its configuration and what its secrets hold now. Errors name the field.
Result<std::shared_ptr<const ClientTls>> make_client_tls(std::shared_ptr<const UpstreamTls> config,
                                                         TlsMaterial material);

}  // namespace remora
