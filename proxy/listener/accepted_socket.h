#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connection_origin.h"
#include "remora/config/metadata.h"
#include "remora/core/address.h"

namespace remora {

inline constexpr std::string_view kRawBuffer = "raw_buffer";
inline constexpr std::string_view kTls = "tls";

/// What is known of an accepted connection before its filter chain is chosen: what the kernel says and what
/// listener filters found.
struct AcceptedSocket {
  int fd = -1;  ///< of whoever holds this struct, until a connection takes it
  Address direct_remote;
  Address remote;            ///< who the peer speaks for, by PROXY protocol; empty: itself
  Address local;             ///< where the client wanted to go
  bool restored = false;     ///< `local` is where it was going before it was redirected to us
  bool handed_over = false;  ///< came from the listener that the kernel delivered it to
  ConnectionSource source;   ///< in whose name upstream connections are made
  std::string_view transport_protocol = kRawBuffer;
  std::string server_name;                         ///< lower-case; "": none was seen
  std::vector<std::string> application_protocols;  ///< as offered, or as the first bytes tell
  std::shared_ptr<Metadata> metadata;              ///< of PROXY TLVs; null: none
  std::shared_ptr<const void> place;  ///< among all connections (ConnectionLimit); null: no limit

  [[nodiscard]] const Address& speaks_for() const { return remote.empty() ? direct_remote : remote; }
};

}  // namespace remora
