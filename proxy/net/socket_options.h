#pragma once

#include <span>

#include "remora/config/socket.h"
#include "remora/core/result.h"

namespace remora {

/// Sets those of `options` that belong to `state`. Error: names the option that the kernel refuses.
Result<void> set_socket_options(int fd, std::span<const SocketOption> options, SocketOption::State state);

/// IP_FREEBIND or IP_TRANSPARENT, or what IPv6 has for it. Needs CAP_NET_ADMIN for the latter.
Result<void> set_freebind(int fd, int family);
Result<void> set_transparent(int fd, int family);
/// Whether the socket takes connections to addresses that are not this machine's (TPROXY); those that it
/// accepts are the same.
bool is_transparent(int fd, int family);

}  // namespace remora
