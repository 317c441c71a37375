#include "tls/handshake_info.h"

#include <openssl/err.h>

#include <string>
#include <string_view>

#include "tls/certificate_info.h"

namespace remora {
namespace {

std::string session_id(const SSL* ssl) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  unsigned size = 0;
  const auto* id = SSL_SESSION_get_id(SSL_get_session(ssl), &size);
  std::string text;
  text.reserve(size * 2);
  for (unsigned i = 0; i < size; ++i) text += {kDigits[id[i] >> 4U], kDigits[id[i] & 0xfU]};
  return text;
}

// Groups by the names that configurations and Envoy's statistics use.
std::string group_name(SSL* ssl) {
  const auto nid = static_cast<int>(SSL_get_negotiated_group(ssl));
  switch (nid) {
    case NID_undef: return {};
    case NID_X25519: return "X25519";
    case NID_X448: return "X448";
    case NID_X9_62_prime256v1: return "P-256";
    case NID_secp384r1: return "P-384";
    case NID_secp521r1: return "P-521";
    default: break;
  }
  const char* name = SSL_group_to_name(ssl, nid);
  return name != nullptr ? name : "unknown";
}

// TLS' own names. Source: RFC 8446 section 4.2.3.
std::string signature_name(SSL* ssl) {
  int type = NID_undef;
  int digest = NID_undef;
  if (SSL_get_peer_signature_type_nid(ssl, &type) != 1) return {};
  SSL_get_peer_signature_nid(ssl, &digest);
  const std::string hash = digest == NID_sha256   ? "sha256"
                           : digest == NID_sha384 ? "sha384"
                           : digest == NID_sha512 ? "sha512"
                                                  : "sha1";
  switch (type) {
    case EVP_PKEY_RSA: return "rsa_pkcs1_" + hash;
    case EVP_PKEY_RSA_PSS: return "rsa_pss_rsae_" + hash;
    case EVP_PKEY_ED25519: return "ed25519";
    case EVP_PKEY_ED448: return "ed448";
    case EVP_PKEY_EC: break;
    default: return "unknown";
  }
  if (hash == "sha256") return "ecdsa_secp256r1_sha256";
  if (hash == "sha384") return "ecdsa_secp384r1_sha384";
  return hash == "sha512" ? "ecdsa_secp521r1_sha512" : "ecdsa_sha1";
}

}  // namespace

std::unique_ptr<const TlsInfo> handshake_info(SSL* ssl, TlsTransport& transport) {
  auto info = std::make_unique<TlsInfo>();
  info->version = SSL_get_version(ssl);
  info->cipher = SSL_get_cipher_name(ssl);
  info->session_id = session_id(ssl);
  const unsigned char* alpn = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &size);
  if (size > 0) info->alpn.assign(reinterpret_cast<const char*>(alpn), size);
  info->sni = transport.handshake().sni;
  info->session_reused = SSL_session_reused(ssl) == 1;
  X509* peer = SSL_get0_peer_certificate(ssl);
  info->peer_presented = peer != nullptr;
  if (peer != nullptr) {
    info->peer = certificate_info(peer, SSL_get_peer_cert_chain(ssl));
    // A resumed session was verified when it began, under the same rules: the context sees to that.
    const auto* verifier = transport.context().verifier();
    const bool before = info->session_reused && verifier != nullptr && verifier->verifies_anything() &&
                        SSL_get_verify_result(ssl) == X509_V_OK;
    info->peer_validated = transport.handshake().validated || before;
  }
  if (const auto* shown = transport.context().shown(ssl)) info->local = shown->info;
  return info;
}

void count_handshake(SSL* ssl, TlsTransport& transport) {
  auto& stats = transport.context().stats();
  const size_t shard = transport.handshake().shard;
  stats.add(shard, kSslHandshake);
  if (SSL_session_reused(ssl) == 1) stats.add(shard, kSslSessionReused);
  if (SSL_get0_peer_certificate(ssl) == nullptr) stats.add(shard, kSslNoCertificate);
  stats.add_named(shard, "ciphers", SSL_get_cipher_name(ssl));
  stats.add_named(shard, "versions", SSL_get_version(ssl));
  if (const auto group = group_name(ssl); !group.empty()) stats.add_named(shard, "curves", group);
  if (const auto name = signature_name(ssl); !name.empty()) stats.add_named(shard, "sigalgs", name);
}

void count_failure(const TlsTransport::Handshake& handshake, const TlsContext& context) {
  const auto code = ERR_peek_error();
  if (handshake.failure_counted || code == 0) return;
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return;  // gone, not wrong
  context.stats().add(handshake.shard, reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE
                                           ? kSslFailVerifyNoCert
                                           : kSslConnectionError);
}

}  // namespace remora
