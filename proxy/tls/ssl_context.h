#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "remora/config/tls.h"
#include "remora/core/result.h"
#include "tls/key_pair.h"
#include "tls/parameters.h"
#include "tls/ssl_stats.h"
#include "tls/verifier.h"

namespace remora {

class KeyLog;
class TicketKeys;

/// Settings that OpenSSL has accepted before: a context with the same ones may be made when it is first used.
/// Main thread.
class ProvenSettings {
 public:
  [[nodiscard]] bool knows(const std::string& settings) const { return known_.contains(settings); }
  void add(std::string settings) {
    if (known_.size() >= kMost) known_.clear();
    known_.insert(std::move(settings));
  }

 private:
  static constexpr size_t kMost = 4096;
  std::unordered_set<std::string> known_;
};

/// All that a context is made from, with names resolved to what they stand for now.
struct TlsMaterial {
  std::vector<std::shared_ptr<const KeyPair>> pairs;
  std::shared_ptr<const Verifier> verifier;  // null: the peer's certificate is not looked at
  std::shared_ptr<TicketKeys> tickets;       // servers
  std::shared_ptr<SslStats> stats;
  std::shared_ptr<ProvenSettings> proven;
  std::string where;
};

/// An SSL_CTX with what both sides share: parameters, buffers, verification by the transport's context, the
/// key pair (`pair` may be null). Errors name the field.
Result<SslCtxPtr> make_ssl_context(const CommonTls& common, TlsSide side, const KeyPair* pair);

/// A context of one side that is ready for connections, as what the other files know it as; or what is wrong
/// with its configuration or material.
template <typename Context, typename Interface, typename Config>
Result<std::shared_ptr<const Interface>> prepared(Config config, TlsMaterial material) {
  auto made = std::make_shared<Context>(std::move(config), std::move(material));
  if (auto fits = made->prepare(); !fits) return std::move(fits).error();
  return std::shared_ptr<const Interface>(std::move(made));
}

/// Appends secrets of connections to a file (SSLKEYLOGFILE's format), for those who decrypt captures. Kept by
/// the context; "" as path: null. Errors: the file cannot be opened.
Result<std::shared_ptr<KeyLog>> open_key_log(const std::string& path);
void install_key_log(SSL_CTX* context, KeyLog& log);

}  // namespace remora
