#pragma once

#include <string>

#include "remora/core/result.h"

namespace remora {

struct KeyPair;

/// Checks `response` (DER; "" is none) against the pair's certificate and puts it in, with its end; notes
/// whether the certificate demands one. Errors: it is no successful response about this certificate.
Result<void> read_ocsp(const std::string& response, KeyPair& pair);

}  // namespace remora
