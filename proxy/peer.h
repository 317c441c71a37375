#pragma once

#include <string>

#include "remora/core/address.h"

namespace remora {

/// Who is at the other end of a downstream connection. Owned by the connection, borrowed by its exchanges.
struct Peer {
  Address direct_remote;    ///< the socket's peer
  std::string direct_host;  ///< its address without the port, formatted once
  Address local;
  bool tls = false;
};

}  // namespace remora
