#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/transport.h"
#include "remora/http/tls_info.h"
#include "tls/key_pair.h"
#include "tls/ssl_stats.h"
#include "tls/verifier.h"
#include "tls/wire_bio.h"

namespace remora {

/// What every connection of a context shares. The context's part of a TlsTransport; immutable.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  [[nodiscard]] virtual SslStats& stats() const = 0;
  /// Null: the peer's certificate is not looked at.
  [[nodiscard]] virtual const Verifier* verifier() const = 0;
  /// The certificate this side showed, if it did.
  [[nodiscard]] virtual const KeyPair* shown(const SSL* ssl) const = 0;
  /// Whether a server's RSA certificate must allow what its key is used for.
  [[nodiscard]] virtual bool enforces_key_usage() const { return false; }
};

/// TLS over memory: one SSL with a BIO over the bytes of the present call.
class TlsTransport final : public Transport {
 public:
  /// What callbacks of one handshake leave for others, and for its end.
  struct Handshake {
    size_t shard = 0;
    std::string sni;
    std::vector<std::string> expected_sans;
    std::string session_key;  // client: under which new sessions are kept; "": not at all
    std::string failure;      // "verify cert failed: ..."
    bool validated = false;   // the peer's certificate was verified in this handshake, and held
    bool failure_counted = false;
  };

  TlsTransport(SslPtr ssl, std::shared_ptr<const TlsContext> context, Handshake handshake);
  ~TlsTransport() override;

  void start(ByteQueue& wire) override;
  std::string_view receive(std::string_view bytes, ByteQueue& wire) override;
  void receive_end(ByteQueue& wire) override;
  size_t send(std::string_view plain, ByteQueue& wire) override;
  void end(ByteQueue& wire) override;
  [[nodiscard]] State state() const override { return state_; }
  [[nodiscard]] std::shared_ptr<const TlsInfo> info() const override { return info_; }
  [[nodiscard]] std::string_view failure() const override { return failure_; }

  /// For callbacks of OpenSSL.
  static TlsTransport& of(const SSL* ssl);
  [[nodiscard]] Handshake& handshake() { return handshake_; }
  [[nodiscard]] const TlsContext& context() const { return *context_; }

 private:
  class Call;

  bool shake_hands();
  std::string_view read_plain();
  void finish_handshake();
  void fail();

  std::shared_ptr<const TlsContext> context_;  // outlives ssl_, whose callbacks use it
  WireBytes bytes_;
  SslPtr ssl_;
  State state_ = State::kHandshake;
  Handshake handshake_;
  std::shared_ptr<const TlsInfo> info_;
  std::string failure_;
};

}  // namespace remora
