#pragma once

#include "remora/config/tls.h"
#include "remora/core/result.h"

namespace remora {

/// Whether OpenSSL can use it, without using it: what TlsContexts::set_secret() would refuse. Any thread; a
/// SecretCheck for who receives secrets and must answer for them.
Result<void> check_secret(const Secret& secret);

}  // namespace remora
