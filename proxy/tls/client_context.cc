#include "tls/client_context.h"

#include <openssl/err.h>

#include <mutex>
#include <utility>

#include "remora/http/tls_info.h"
#include "tls/openssl_error.h"
#include "tls/session_cache.h"
#include "tls/tls_transport.h"

namespace remora {
namespace {

class ClientContext final : public ClientTls, public TlsContext {
 public:
  ClientContext(std::shared_ptr<const UpstreamTls> config, TlsMaterial material)
      : config_(std::move(config)),
        material_(std::move(material)),
        sessions_(config_->max_session_keys) {}

  Result<void> prepare();

  [[nodiscard]] std::unique_ptr<Transport> connect(const ClientHandshake& wish) const override;
  [[nodiscard]] std::span<const std::string> alpn() const override { return config_->common.alpn; }

  [[nodiscard]] SslStats& stats() const override { return *material_.stats; }
  [[nodiscard]] const Verifier* verifier() const override { return material_.verifier.get(); }
  [[nodiscard]] const KeyPair* shown(const SSL* /*ssl*/) const override {
    return material_.pairs.empty() ? nullptr : material_.pairs.front().get();
  }
  [[nodiscard]] bool enforces_key_usage() const override { return config_->enforce_rsa_key_usage; }

 private:
  Result<void> prove();
  Result<void> make_context() const;
  [[nodiscard]] SSL_CTX* context() const;
  void ask_for(SSL* ssl, std::string_view sni, std::span<const std::string> alpn) const;
  void resume(SSL* ssl, const std::string& key) const;

  static int on_new_session(SSL* ssl, SSL_SESSION* session);

  std::shared_ptr<const UpstreamTls> config_;
  TlsMaterial material_;
  std::string alpn_;
  std::shared_ptr<KeyLog> key_log_;
  mutable SessionCache sessions_;
  mutable std::once_flag made_;
  mutable SslCtxPtr context_;  // made by the first connection: most clusters of a mesh never see one
};

/// All that OpenSSL has an opinion about.
std::string settings_text(const TlsParameters& parameters, const KeyPair* pair) {
  std::string text = std::to_string(static_cast<int>(parameters.minimum)) + ' ' +
                     std::to_string(static_cast<int>(parameters.maximum));
  for (const auto* list : {&parameters.cipher_suites, &parameters.curves, &parameters.signature_algorithms}) {
    text += '\n';
    for (const auto& value : *list) text += value + ':';
  }
  return pair == nullptr ? text : text + '\n' + pair->info->sha256;
}

Result<void> ClientContext::prepare() {
  auto alpn = alpn_wire(config_->common.alpn);
  if (!alpn) return std::move(alpn).error();
  alpn_ = std::move(*alpn);
  auto log = open_key_log(config_->common.key_log_path);
  if (!log) return std::move(log).error();
  key_log_ = std::move(*log);
  if (material_.pairs.size() > 1) return Error{"a client shows one certificate, not several"};
  if (config_->sni.size() > TLSEXT_MAXLEN_host_name) return Error{"sni: a host name has at most 255 bytes"};
  const auto* verifier = material_.verifier.get();
  if (config_->auto_sni_san_validation && (verifier == nullptr || !verifier->verifies_chain()))
    return Error{"auto_sni_san_validation needs a trusted_ca"};
  return prove();
}

Result<void> ClientContext::prove() {
  auto settings = settings_text(config_->common.parameters, shown(nullptr));
  if (material_.proven->knows(settings)) return {};
  Result<void> result;
  std::call_once(made_, [&] { result = make_context(); });
  if (result) material_.proven->add(std::move(settings));
  return result;
}

SSL_CTX* ClientContext::context() const {
  std::call_once(made_, [&] { (void)make_context(); });
  return context_.get();
}

Result<void> ClientContext::make_context() const {
  auto made = make_ssl_context(config_->common, TlsSide::kClient, shown(nullptr));
  if (!made) return std::move(made).error();
  SSL_CTX* context = made->get();
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);  // by our own rules, which may be none
  if (config_->allow_renegotiation) SSL_CTX_clear_options(context, SSL_OP_NO_RENEGOTIATION);
  if (key_log_ != nullptr) install_key_log(context, *key_log_);
  SSL_CTX_set_session_cache_mode(context, config_->max_session_keys > 0
                                              ? SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL
                                              : SSL_SESS_CACHE_OFF);
  SSL_CTX_sess_set_new_cb(context, on_new_session);
  context_ = std::move(*made);
  return {};
}

std::unique_ptr<Transport> ClientContext::connect(const ClientHandshake& wish) const {
  SSL_CTX* context = this->context();
  SslPtr ssl(context != nullptr ? SSL_new(context) : nullptr);
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl.get());
  const std::string_view sni = wish.sni.empty() ? std::string_view(config_->sni) : wish.sni;
  TlsTransport::Handshake handshake{.shard = wish.shard, .sni = std::string(sni)};
  handshake.expected_sans.assign(wish.expected_sans.begin(), wish.expected_sans.end());
  if (handshake.expected_sans.empty() && config_->auto_sni_san_validation && !sni.empty())
    handshake.expected_sans.emplace_back(sni);
  if (!wish.host.empty()) {
    // What was verified for one name does not hold for another.
    handshake.session_key = std::string(wish.host) + '\n' + handshake.sni;
    for (const auto& name : handshake.expected_sans) handshake.session_key += '\n' + name;
    resume(ssl.get(), handshake.session_key);
  }
  ask_for(ssl.get(), sni, wish.alpn);
  auto self = std::static_pointer_cast<const ClientContext>(shared_from_this());
  return std::make_unique<TlsTransport>(std::move(ssl), std::move(self), std::move(handshake));
}

void ClientContext::ask_for(SSL* ssl, std::string_view sni, std::span<const std::string> alpn) const {
  // An address is no name: RFC 6066 section 3.
  if (!sni.empty() && sni.size() <= TLSEXT_MAXLEN_host_name)
    SSL_set_tlsext_host_name(ssl, std::string(sni).c_str());
  if (alpn.empty()) {
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn_.data()),
                        static_cast<unsigned>(alpn_.size()));
    return;
  }
  const auto wire = alpn_wire({alpn.begin(), alpn.end()});
  if (wire.ok())
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(wire->data()),
                        static_cast<unsigned>(wire->size()));
}

void ClientContext::resume(SSL* ssl, const std::string& key) const {
  if (const auto session = sessions_.take(key)) SSL_set_session(ssl, session.get());
}

// Returns 1 to keep the reference.
int ClientContext::on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto& transport = TlsTransport::of(ssl);
  const auto& key = transport.handshake().session_key;
  if (key.empty() || SSL_SESSION_is_resumable(session) != 1) return 0;
  static_cast<const ClientContext&>(transport.context()).sessions_.put(key, SslSessionPtr(session));
  return 1;
}

}  // namespace

Result<std::shared_ptr<const ClientTls>> make_client_tls(std::shared_ptr<const UpstreamTls> config,
                                                         TlsMaterial material) {
  return prepared<ClientContext, ClientTls>(std::move(config), std::move(material));
}

}  // namespace remora
