#include "tls/ssl_context.h"

#include <openssl/err.h>

#include "tls/openssl_error.h"
#include "tls/tls_transport.h"

namespace remora {
namespace {

/// Whether an RSA certificate's key usage forbids what the handshake does with it: RSA key exchange decrypts,
/// everything else signs. Only on the client's side.
bool key_usage_violated(const SSL* ssl, X509* leaf) {
  if (EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) != EVP_PKEY_RSA) return false;
  const auto usage = X509_get_key_usage(leaf);
  if (usage == UINT32_MAX) return false;
  const SSL_CIPHER* cipher = SSL_get_pending_cipher(ssl);
  const bool decrypts = cipher != nullptr && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_rsa;
  return (usage & (decrypts ? KU_KEY_ENCIPHERMENT : KU_DIGITAL_SIGNATURE)) == 0;
}

/// Adds to a verdict that is good what only the handshake knows.
void check_key_usage(const SSL* ssl, X509* leaf, const TlsContext& context, Verifier::Verdict& verdict) {
  if (SSL_is_server(ssl) != 0 || !context.enforces_key_usage() || verdict.error != X509_V_OK) return;
  if (!key_usage_violated(ssl, leaf)) return;
  verdict = {X509_V_ERR_INVALID_PURPOSE, kSslFailVerifyError,
             "verify cert failed: KEY_USAGE_BIT_INCORRECT: the certificate's key usage forbids this use",
             false};
}

// Called instead of X509_verify_cert(). Returns 1 to go on.
int verify_peer(X509_STORE_CTX* store_context, void* /*argument*/) {
  const auto* ssl =
      static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store_context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& transport = TlsTransport::of(ssl);
  auto& handshake = transport.handshake();
  const auto* verifier = transport.context().verifier();
  X509* leaf = X509_STORE_CTX_get0_cert(store_context);
  Verifier::Verdict verdict;
  if (verifier != nullptr)
    verdict = verifier->verify(leaf, X509_STORE_CTX_get0_untrusted(store_context), handshake.expected_sans);
  check_key_usage(ssl, leaf, transport.context(), verdict);
  X509_STORE_CTX_set_error(store_context, verdict.error);
  handshake.validated = verdict.error == X509_V_OK && verdict.validated;
  if (verdict.error == X509_V_OK) return 1;
  transport.context().stats().add(handshake.shard, verdict.counts);
  if (verifier != nullptr && verifier->config().accept_untrusted) return 1;
  handshake.failure = std::move(verdict.detail);
  handshake.failure_counted = true;
  return 0;
}

Result<void> use_pair(const KeyPair& pair, SSL_CTX* context) {
  if (SSL_CTX_use_cert_and_key(context, pair.leaf.get(), pair.key.get(), pair.chain.get(), 1) == 1) return {};
  return Error{pair.origin + ": " + take_openssl_reason()};
}

}  // namespace

Result<SslCtxPtr> make_ssl_context(const CommonTls& common, TlsSide side, const KeyPair* pair) {
  ERR_clear_error();
  SslCtxPtr context(SSL_CTX_new(side == TlsSide::kServer ? TLS_server_method() : TLS_client_method()));
  if (context == nullptr) return Error{take_openssl_reason()};
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_read_ahead(context.get(), 0);
  if (auto applied = apply_parameters(common.parameters, side, context.get()); !applied)
    return std::move(applied).error();
  if (pair != nullptr) {
    if (auto used = use_pair(*pair, context.get()); !used) return std::move(used).error();
  }
  SSL_CTX_set_cert_verify_callback(context.get(), verify_peer, nullptr);
  return context;
}

}  // namespace remora
