#pragma once

#include "remora/core/address.h"
#include "remora/core/result.h"

namespace remora::admin {

struct ListenSocket {
  int fd = -1;    ///< owned by the caller
  Address bound;  ///< with the real port
};

/// A non-blocking socket that listens on exactly this address. A Unix socket that a dead process left behind
/// is replaced.
Result<ListenSocket> open_listen_socket(const Address& address);

}  // namespace remora::admin
