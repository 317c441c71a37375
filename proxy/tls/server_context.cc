#include "tls/server_context.h"

#include <openssl/err.h>
#include <openssl/sha.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "tls/certificate_choice.h"
#include "tls/openssl_error.h"
#include "tls/ticket_keys.h"
#include "tls/tls_transport.h"

namespace remora {
namespace {

WallTime now() { return std::chrono::system_clock::now(); }

class ServerContext final : public ServerTls, public TlsContext {
 public:
  ServerContext(std::shared_ptr<const DownstreamTls> config, TlsMaterial material)
      : config_(std::move(config)),
        material_(std::move(material)),
        choice_(material_.pairs, *config_) {}

  Result<void> prepare();

  [[nodiscard]] std::unique_ptr<Transport> accept(size_t shard) const override {
    SslPtr ssl(SSL_new(contexts_.front().get()));
    if (ssl == nullptr) return nullptr;
    SSL_set_accept_state(ssl.get());
    auto self = std::static_pointer_cast<const ServerContext>(shared_from_this());
    return std::make_unique<TlsTransport>(std::move(ssl), std::move(self),
                                          TlsTransport::Handshake{.shard = shard});
  }

  [[nodiscard]] SslStats& stats() const override { return *material_.stats; }
  [[nodiscard]] const Verifier* verifier() const override { return material_.verifier.get(); }
  [[nodiscard]] const KeyPair* shown(const SSL* ssl) const override { return pair_of(SSL_get_SSL_CTX(ssl)); }

 private:
  Result<SslCtxPtr> make_context(const KeyPair& pair);
  Result<void> check_staples() const;
  void set_resumption(SSL_CTX* context) const;
  void set_verification(SSL_CTX* context) const;
  [[nodiscard]] std::string session_context() const;
  [[nodiscard]] const KeyPair* pair_of(const SSL_CTX* context) const {
    for (size_t i = 0; i < contexts_.size(); ++i) {
      if (contexts_[i].get() == context) return material_.pairs[i].get();
    }
    return nullptr;
  }

  static const ServerContext& of(const SSL* ssl) {
    return static_cast<const ServerContext&>(TlsTransport::of(ssl).context());
  }
  // OpenSSL's callbacks.
  static int on_client_hello(SSL* ssl, int* alert, void* argument);
  static int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                     const unsigned char* offered, unsigned offered_size, void* argument);
  static int on_status(SSL* ssl, void* argument);

  std::shared_ptr<const DownstreamTls> config_;
  TlsMaterial material_;
  CertificateChoice choice_;
  std::string alpn_;
  std::shared_ptr<KeyLog> key_log_;
  std::vector<SslCtxPtr> contexts_;  // one a certificate; connections begin with the first
};

Result<void> ServerContext::prepare() {
  if (material_.pairs.empty()) return Error{"a server needs a certificate"};
  auto alpn = alpn_wire(config_->common.alpn);
  if (!alpn) return std::move(alpn).error();
  alpn_ = std::move(*alpn);
  auto log = open_key_log(config_->common.key_log_path);
  if (!log) return std::move(log).error();
  key_log_ = std::move(*log);
  if (auto checked = check_staples(); !checked) return checked;
  for (const auto& pair : material_.pairs) {
    auto context = make_context(*pair);
    if (!context) return std::move(context).error();
    contexts_.push_back(std::move(*context));
  }
  return {};
}

Result<void> ServerContext::check_staples() const {
  for (const auto& pair : material_.pairs) {
    if (!pair->ocsp_response.empty()) continue;
    if (pair->must_staple) return Error{pair->origin + ": the certificate demands an OCSP staple"};
    if (config_->ocsp == DownstreamTls::OcspPolicy::kMustStaple)
      return Error{pair->origin + ": ocsp_staple_policy MUST_STAPLE needs an OCSP staple"};
  }
  return {};
}

Result<SslCtxPtr> ServerContext::make_context(const KeyPair& pair) {
  auto made = make_ssl_context(config_->common, TlsSide::kServer, &pair);
  if (!made) return made;
  SSL_CTX* context = made->get();
  if (!config_->prefer_client_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_client_hello_cb(context, on_client_hello, nullptr);
  if (!alpn_.empty()) SSL_CTX_set_alpn_select_cb(context, on_alpn, nullptr);
  SSL_CTX_set_tlsext_status_cb(context, on_status);
  if (key_log_ != nullptr) install_key_log(context, *key_log_);
  set_resumption(context);
  set_verification(context);
  const auto id = session_context();
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>(id.data()),
                                 static_cast<unsigned>(id.size()));
  return made;
}

void ServerContext::set_resumption(SSL_CTX* context) const {
  const bool tickets = !config_->disable_stateless_resumption;
  const bool stateful = !config_->disable_stateful_resumption;
  SSL_CTX_set_session_cache_mode(context, stateful ? SSL_SESS_CACHE_SERVER : SSL_SESS_CACHE_OFF);
  if (tickets) {
    TicketKeys::install(context, *material_.tickets);
  } else {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  }
  SSL_CTX_set_num_tickets(context, tickets || stateful ? 1 : 0);
  const auto timeout = std::chrono::duration_cast<std::chrono::seconds>(config_->session_timeout).count();
  if (timeout > 0) SSL_CTX_set_timeout(context, static_cast<long>(timeout));
}

void ServerContext::set_verification(SSL_CTX* context) const {
  const auto* verifier = material_.verifier.get();
  if (verifier == nullptr) return;
  const auto& rules = verifier->config();
  const bool asked = verifier->verifies_anything() || rules.accept_untrusted;
  if (!asked) return;
  // What only a certificate can satisfy makes it required, unless untrusted ones are welcome.
  const bool needed =
      !rules.accept_untrusted &&
      (!rules.subject_alt_names.empty() || !rules.certificate_hashes.empty() || !rules.spki_hashes.empty());
  int mode = SSL_VERIFY_PEER;
  if (config_->require_client_certificate || needed) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode, nullptr);
  for (const auto& authority : verifier->trust().authorities) SSL_CTX_add_client_CA(context, authority.get());
}

/// Sessions belong to these certificates' names, these rules and this filter chain, and to nothing else.
std::string ServerContext::session_context() const {
  std::string all = material_.where + '\n';
  for (const auto& pair : material_.pairs) {
    all += pair->info->issuer + '\n';
    for (const auto& name : pair->names) all += name + '\n';
  }
  all += config_->require_client_certificate ? '1' : '0';
  if (material_.verifier != nullptr) all += material_.verifier->digest();
  unsigned char hash[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), hash);
  return {reinterpret_cast<const char*>(hash), sizeof(hash)};
}

int ServerContext::on_client_hello(SSL* ssl, int* alert, void* /*argument*/) {
  const auto& self = of(ssl);
  auto& handshake = TlsTransport::of(ssl).handshake();
  ClientHello hello;
  if (!read_client_hello(ssl, hello)) {
    *alert = SSL_AD_DECODE_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  handshake.sni = hello.sni;
  if (hello.wants_ocsp) self.stats().add(handshake.shard, kSslOcspStapleRequests);
  const auto chosen = self.choice_.choose(hello, now());
  if (chosen.refused) {
    self.stats().add(handshake.shard, kSslOcspStapleFailed);
    handshake.failure = "no certificate with a usable OCSP staple";
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (self.config_->require_sni && !chosen.name_matched) {
    handshake.failure = hello.sni.empty() ? "the client sent no server name"
                                          : "no certificate for server name '" + hello.sni + "'";
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (chosen.index != 0) SSL_set_SSL_CTX(ssl, self.contexts_[chosen.index].get());
  // The suites of TLS 1.3 are all strong, and the client knows which one is cheap for it; as in Envoy.
  const auto most = SSL_get_max_proto_version(ssl);
  if (hello.offers_tls13 && (most == 0 || most >= TLS1_3_VERSION))
    SSL_clear_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  return SSL_CLIENT_HELLO_SUCCESS;
}

// Our order decides. Without a common protocol the handshake goes on without one, as in Envoy.
int ServerContext::on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* size,
                           const unsigned char* offered, unsigned offered_size, void* /*argument*/) {
  const auto& ours = of(ssl).alpn_;
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

int ServerContext::on_status(SSL* ssl, void* /*argument*/) {
  const auto& self = of(ssl);
  const size_t shard = TlsTransport::of(ssl).handshake().shard;
  const auto* pair = self.shown(ssl);
  if (pair == nullptr || self.choice_.staple(*pair, true, now()) != CertificateChoice::Staple::kSend) {
    self.stats().add(shard, kSslOcspStapleOmitted);
    return SSL_TLSEXT_ERR_NOACK;
  }
  // OpenSSL frees what it is given.
  auto* copy =
      static_cast<unsigned char*>(OPENSSL_memdup(pair->ocsp_response.data(), pair->ocsp_response.size()));
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(pair->ocsp_response.size()));
  self.stats().add(shard, kSslOcspStapleResponses);
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<const ServerTls>> make_server_tls(std::shared_ptr<const DownstreamTls> config,
                                                         TlsMaterial material) {
  return prepared<ServerContext, ServerTls>(std::move(config), std::move(material));
}

}  // namespace remora
