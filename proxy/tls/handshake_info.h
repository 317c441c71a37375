#pragma once

#include <memory>

#include "tls/tls_transport.h"

namespace remora {

/// What `ssl` has agreed on.
std::unique_ptr<const TlsInfo> handshake_info(SSL* ssl, TlsTransport& transport);

/// Statistics of a handshake that has completed, and of a failure whose errors are still in OpenSSL's queue.
void count_handshake(SSL* ssl, TlsTransport& transport);
void count_failure(const TlsTransport::Handshake& handshake, const TlsContext& context);

}  // namespace remora
