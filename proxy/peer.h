#pragma once

#include <memory>
#include <string>

#include "client_cert_header.h"
#include "connection_origin.h"
#include "listener/accepted_socket.h"
#include "remora/core/address.h"
#include "remora/http/tls_info.h"

namespace remora {

/// Who is at the other end of a downstream connection. Owned by the connection, borrowed by its exchanges.
struct Peer {
  Peer() = default;
  explicit Peer(const AcceptedSocket& socket);

  Address direct_remote;             ///< the socket's peer
  std::unique_ptr<Address> proxied;  ///< who it speaks for, by PROXY protocol; null: itself
  std::string host;                  ///< of remote(), without the port, formatted once; "": no IP address
  Address local;                     ///< where the client wanted to go
  std::unique_ptr<const ConnectionOrigin> origin;  ///< null: neither redirected, nor to be spoken for
  std::string server_name;                         ///< SNI, by TLS or by the inspector; "": none
  std::shared_ptr<Metadata> metadata;              ///< of PROXY TLVs; null: none
  std::shared_ptr<const void> place;  ///< among all connections (ConnectionLimit); null: no limit
  bool tls = false;
  const TlsInfo* tls_info = nullptr;  ///< null for plain text
  /// What requests of this connection say about its client certificate; a cache, hence mutable.
  mutable ClientCertElement client_cert;

  [[nodiscard]] const Address& remote() const { return proxied ? *proxied : direct_remote; }
};

inline std::unique_ptr<const ConnectionOrigin> make_origin(const AcceptedSocket& socket) {
  if (!socket.restored && socket.source.address.empty()) return nullptr;
  return std::make_unique<ConnectionOrigin>(
      ConnectionOrigin{socket.restored ? socket.local : Address(), socket.source});
}

inline Peer::Peer(const AcceptedSocket& socket)
    : direct_remote(socket.direct_remote),
      proxied(socket.remote.empty() ? nullptr : std::make_unique<Address>(socket.remote)),
      host(remote().is_ip() ? remote().host() : std::string()),
      local(socket.local),
      origin(make_origin(socket)),
      server_name(socket.server_name),
      metadata(socket.metadata),
      place(socket.place) {}

}  // namespace remora
