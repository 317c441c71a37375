#pragma once

#include <span>
#include <string>

#include "connection_origin.h"
#include "remora/config/socket.h"

namespace remora {

/// What is asked of a socket before it connects. Borrowed for the call.
struct DialOptions {
  ConnectionSource source;                         ///< where the connection comes from
  bool transparent = false;                        ///< the source is somebody else's address
  bool freebind = false;                           ///< the source need not be an address of this machine yet
  std::span<const SocketOption> options = {};      ///< of the address that it comes from
  std::span<const SocketOption> tcp_options = {};  ///< not for Unix sockets
};

struct Dialled {
  int fd = -1;          ///< connecting, non-blocking; the caller's. -1: it failed
  std::string failure;  ///< as Envoy words it
  bool bind_failed = false;
  bool no_descriptor = false;  ///< because the process has no descriptor left
};

/// A TCP or Unix socket on its way to `address`.
Dialled dial(const Address& address, const DialOptions& options = {});
/// From where `bind` says, unless `options` has a source; null: it says nothing.
Dialled dial_from(const UpstreamBind* bind, const Address& address, DialOptions options);

}  // namespace remora
