#pragma once

#include <cstdint>

#include "remora/core/address.h"

namespace remora {

/// In whose name connections to upstreams are made. Source: Envoy, original source filter.
struct ConnectionSource {
  Address address;    ///< port 0: any; empty: our own
  uint32_t mark = 0;  ///< SO_MARK; 0: none
  bool operator==(const ConnectionSource&) const = default;
};

/// What a downstream connection means for those to upstreams that are made for it.
struct ConnectionOrigin {
  Address destination;  ///< where it wanted to go before it was redirected; empty: to us
  ConnectionSource source;
};

}  // namespace remora
