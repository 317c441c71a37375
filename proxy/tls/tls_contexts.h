#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remora/config/tls.h"
#include "remora/core/result.h"
#include "tls/certificate_set.h"
#include "tls/client_tls.h"
#include "tls/server_tls.h"
#include "tls/ssl_stats.h"
#include "tls/tls_slot.h"

namespace remora {

/// Makes TLS contexts from configuration and secrets, and makes them again when a secret changes: that costs
/// what uses the secret. Main thread only. What it hands out may outlive it.
class TlsContexts {
 public:
  explicit TlsContexts(StatsStore& stats);
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  /// The slot follows its secrets for as long as somebody holds it. `where` names it in messages ("listener
  /// 'web': filter chain 'tls'"). Errors: content that stands in the configuration and OpenSSL refuses. Named
  /// secrets that are missing or bad leave the slot empty instead.
  Result<std::shared_ptr<TlsSlot<ServerTls>>> server(std::shared_ptr<const DownstreamTls> config,
                                                     SslOwner owner, std::string where);
  Result<std::shared_ptr<TlsSlot<ClientTls>>> client(std::shared_ptr<const UpstreamTls> config,
                                                     SslOwner owner, std::string where);

  /// Adds or replaces. A secret that OpenSSL refuses (a key that does not fit, no certificate in the PEM) is
  /// an error that names it; the one before stays in use. So does the old context of each slot that cannot
  /// be made anew with it, which is logged.
  Result<void> set_secret(std::shared_ptr<const Secret> secret);
  /// Contexts in use stay; new ones that name it wait for it.
  void remove_secret(std::string_view name);

  /// Calls `visit` for each context in use.
  void each_context(const std::function<void(const CertificateSet&)>& visit) const;
  /// Whole days until the first certificate expires, 0 if one has; UINT32_MAX without certificates.
  [[nodiscard]] uint32_t days_until_first_expiry(WallTime now) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace remora
