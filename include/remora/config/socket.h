#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "remora/core/address.h"

namespace remora {

/// An option that the configuration sets on a socket by number. Source: envoy.config.core.v3.SocketOption.
struct SocketOption {
  /// When it is set; kListening is for listeners only.
  enum class State : uint8_t { kPrebind, kBound, kListening };
  int64_t level = 0;
  int64_t name = 0;
  std::variant<int, std::string> value;  // a number, or bytes as they are
  State state = State::kPrebind;
  bool operator==(const SocketOption&) const = default;
};

/// Where connections to upstreams come from. Source: envoy.config.core.v3.BindConfig.
struct UpstreamBind {
  struct Source {
    Address address;                    // port 0: any; empty: the kernel's choice
    std::vector<SocketOption> options;  // of sockets that it is chosen for
    bool operator==(const Source&) const = default;
  };
  /// source_address, then extra_source_addresses; never empty. The first of the destination's family is
  /// taken, else the first.
  std::vector<Source> sources;
  bool freebind = false;
  bool operator==(const UpstreamBind&) const = default;
};

}  // namespace remora
