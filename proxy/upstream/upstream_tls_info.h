#pragma once

#include <utility>

#include "local_ref.h"
#include "remora/http/tls_info.h"

namespace remora {

/// What a connection's TLS handshake agreed on, kept by whoever logs it: that may be later than the
/// connection's end.
struct UpstreamTlsInfo final : LocalCounted {
  explicit UpstreamTlsInfo(TlsInfo agreed) : info(std::move(agreed)) {}
  const TlsInfo info;
};

}  // namespace remora
