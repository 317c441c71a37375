#pragma once

#include <string>
#include <vector>

#include "remora/config/tls.h"
#include "remora/core/result.h"
#include "tls/openssl_ptr.h"

namespace remora {

enum class TlsSide : uint8_t { kServer, kClient };

/// Puts versions, cipher suites, curves and signature algorithms into `context`. Errors name the field and
/// the value that OpenSSL does not know.
Result<void> apply_parameters(const TlsParameters& parameters, TlsSide side, SSL_CTX* context);

/// ALPN's wire form. Errors: a protocol that is empty or longer than 255 bytes.
Result<std::string> alpn_wire(const std::vector<std::string>& protocols);

}  // namespace remora
