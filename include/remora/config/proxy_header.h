#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace remora {

/// With what connections to a host begin, before TLS: a PROXY header that names the two ends of the
/// downstream connection that they are made for. Immutable, shared by all threads. Source:
/// envoy.config.core.v3.ProxyProtocolConfig.
struct ProxyHeader {
  bool v2 = false;  ///< binary; else one line of text
  /// Version 2 only: type and value, of at least one byte each, in order.
  std::vector<std::pair<uint8_t, std::string>> added_tlvs;
  bool operator==(const ProxyHeader&) const = default;
};

}  // namespace remora
