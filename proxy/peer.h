#pragma once

#include <string>

#include "client_cert_header.h"
#include "remora/core/address.h"
#include "remora/http/tls_info.h"

namespace remora {

/// Who is at the other end of a downstream connection. Owned by the connection, borrowed by its exchanges.
struct Peer {
  Address direct_remote;    ///< the socket's peer
  std::string direct_host;  ///< its address without the port, formatted once
  Address local;
  bool tls = false;
  const TlsInfo* tls_info = nullptr;  ///< null for plain text
  /// What requests of this connection say about its client certificate; a cache, hence mutable.
  mutable ClientCertElement client_cert;
};

}  // namespace remora
