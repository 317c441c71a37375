#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/config/proxy_header.h"
#include "remora/core/result.h"
#include "tls/client_tls.h"
#include "tls/tls_slot.h"

namespace remora {

class Transport;

/// Where TLS contexts come from: TlsContexts::client(). Main thread.
using MakeClientTls = std::function<Result<std::shared_ptr<TlsSlot<ClientTls>>>(
    std::shared_ptr<const UpstreamTls>, SslOwner, std::string where)>;

/// What Envoy says of a connection whose certificate or authority has not come yet.
inline constexpr std::string_view kSecretsMissing = "TLS error: Secret is not supplied by SDS";

/// What one connection asks for beyond its cluster's configuration. Borrowed for the call.
struct TransportWish {
  size_t shard = 0;
  std::string_view sni;  // auto_sni; "": the host's or the configured one
  std::string_view san;  // auto_san_validation: the certificate must name it; "": configured
  std::span<const std::string> alpn = {};  // used if the configuration has none
  bool alpn_first = false;                 // `alpn` is used even if the configuration has some
};

/// How the hosts of one version of a cluster are reached below HTTP: in plain text, or by which TLS
/// configuration. Made on the main thread, shared by all workers, immutable except for what slots hold.
class ClusterTls {
 public:
  /// Null for a cluster of plain text, without anything in front of it. Errors: certificates in the
  /// configuration that OpenSSL refuses.
  static Result<std::shared_ptr<const ClusterTls>> make(const ClusterConfig& config,
                                                        const MakeClientTls& make_slot);

  /// The host's transport into `out`; null there: plain text. False: its secrets have not come (counted).
  bool make_transport(const Endpoint& endpoint, const TransportWish& wish,
                      std::unique_ptr<Transport>& out) const;
  /// The PROXY header that connections to the host begin with; null: none.
  [[nodiscard]] const ProxyHeader* proxy_header(const Endpoint& endpoint) const {
    return choose(endpoint).header.get();
  }
  /// Whether the host is reached by TLS at all.
  [[nodiscard]] bool secures(const Endpoint& endpoint) const { return choose(endpoint).config != nullptr; }
  /// Whether a connection to the one endpoint is as good as one to the other.
  [[nodiscard]] bool same(const Endpoint& a, const Endpoint& b) const;

 private:
  struct Way {
    SubsetMatch match;
    std::shared_ptr<const UpstreamTls> config;  // null: plain text
    std::shared_ptr<TlsSlot<ClientTls>> slot;
    std::shared_ptr<const ProxyHeader> header;  // null: none
  };
  [[nodiscard]] const Way& choose(const Endpoint& endpoint) const;

  std::vector<Way> ways_;  // the first whose match an endpoint has; the last takes all
};

}  // namespace remora
