#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace remora {

class Transport;

/// What one connection to an upstream asks for, beyond its cluster's configuration. Borrowed for the call.
struct ClientHandshake {
  size_t shard = 0;  // the worker's, for statistics
  /// Sessions are resumed only with the same host: its address as text. "": no resumption.
  std::string_view host;
  /// The name to ask for (auto_sni, auto_host_sni); "": UpstreamTls::sni, which may be empty as well.
  std::string_view sni;
  /// One of these must stand in the certificate as a DNS name (or as an IP address where it is one):
  /// auto_san_validation. They replace the configured matchers. Empty: what is configured.
  std::span<const std::string> expected_sans;
  /// In order of preference; empty: what is configured.
  std::span<const std::string> alpn;
};

/// What every connection to a cluster's hosts shares: roots, rules, own certificate, sessions to resume.
/// Immutable to its users (the session cache locks inside, once a connection); any thread.
class ClientTls : public std::enable_shared_from_this<ClientTls> {
 public:
  virtual ~ClientTls() = default;
  /// For Connection::connect(). The context lives as long as its connections. Null only when memory is out.
  [[nodiscard]] virtual std::unique_ptr<Transport> connect(const ClientHandshake& handshake) const = 0;
  /// The configured protocols, in order of preference.
  [[nodiscard]] virtual std::span<const std::string> alpn() const = 0;
};

}  // namespace remora
