#include "tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace remora {
namespace {

// A key's 80 bytes. Source: envoy...tls.v3.TlsSessionTicketKeys.
constexpr size_t kNameBytes = 16;
constexpr size_t kMacKeyBytes = 32;
constexpr size_t kIvBytes = 16;
constexpr auto kLifetime = std::chrono::hours(8);

bool use_key(const std::array<uint8_t, 80>& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
             EVP_MAC_CTX* mac, bool seal) {
  auto* mac_key = const_cast<uint8_t*>(key.data() + kNameBytes);
  const uint8_t* cipher_key = mac_key + kMacKeyBytes;
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, mac_key, kMacKeyBytes),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, cipher_key, iv, seal ? 1 : 0) == 1 &&
         EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

int index_of_keys() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

TicketKeys& keys_of(SSL* ssl) {
  return *static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), index_of_keys()));
}

// OpenSSL asks: for a new ticket (`seal`), or for one that a client brings. 0: not ours, a full handshake
// follows; 2: open it, and give the client a new one.
int choose_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
               int seal) {
  const auto current = keys_of(ssl).current();
  if (current->keys.empty()) return 0;
  if (seal != 0) {
    const auto& key = current->keys.front();
    std::memcpy(name, key.data(), kNameBytes);
    if (RAND_bytes(iv, kIvBytes) != 1) return -1;
    return use_key(key, iv, cipher, mac, true) ? 1 : -1;
  }
  for (const auto& key : current->keys) {
    if (std::memcmp(name, key.data(), kNameBytes) != 0) continue;
    if (!use_key(key, iv, cipher, mac, false)) return -1;
    // Tickets of TLS 1.3 serve once: whoever uses one needs another.
    return &key == current->keys.data() && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
  }
  return 0;
}

}  // namespace

std::shared_ptr<const SessionTicketKeys> TicketKeys::current() {
  if (given_ != nullptr) return given_;
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard lock(mutex_);
  if (own_ != nullptr && now - made_ < kLifetime) return own_;
  auto next = std::make_shared<SessionTicketKeys>();
  next->keys.emplace_back();
  if (RAND_bytes(next->keys.front().data(), static_cast<int>(next->keys.front().size())) != 1)
    return own_ != nullptr ? own_ : std::make_shared<const SessionTicketKeys>();
  if (own_ != nullptr && now - made_ < 2 * kLifetime) next->keys.push_back(own_->keys.front());
  own_ = std::move(next);
  made_ = now;
  return own_;
}

void TicketKeys::install(SSL_CTX* context, TicketKeys& keys) {
  SSL_CTX_set_ex_data(context, index_of_keys(), &keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, choose_key);
}

}  // namespace remora
