#include "tls/client_hello.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>
#include <utility>

namespace remora {
namespace {

// Takes numbers off the front of an extension; short reads make it empty.
class Bytes {
 public:
  Bytes(const unsigned char* data, size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool empty() const { return size_ == 0; }
  bool number(size_t width, size_t& value) {
    if (size_ < width) return false;
    value = 0;
    for (size_t i = 0; i < width; ++i) value = value << 8U | *data_++;
    size_ -= width;
    return true;
  }
  /// A vector with a length of `width` bytes in front.
  bool vector(size_t width, Bytes& inner) {
    size_t length = 0;
    if (!number(width, length) || length > size_) return false;
    inner = Bytes(data_, length);
    data_ += length;
    size_ -= length;
    return true;
  }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const unsigned char* data_;
  size_t size_;
};

bool extension(SSL* ssl, unsigned type, Bytes& body) {
  const unsigned char* data = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &data, &size) != 1) return false;
  body = Bytes(data, size);
  return true;
}

// RFC 6066 section 3: one name of type host_name.
bool read_sni(SSL* ssl, std::string& sni) {
  Bytes body(nullptr, 0);
  if (!extension(ssl, TLSEXT_TYPE_server_name, body)) return true;
  Bytes list(nullptr, 0);
  Bytes name(nullptr, 0);
  size_t type = 0;
  if (!body.vector(2, list) || !list.number(1, type) || type != TLSEXT_NAMETYPE_host_name ||
      !list.vector(2, name))
    return false;
  const auto text = name.text();
  if (text.empty() || text.size() > TLSEXT_MAXLEN_host_name || text.find('\0') != std::string_view::npos)
    return false;
  sni = text;
  std::ranges::transform(sni, sni.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return true;
}

struct Curve {
  int nid;
  size_t group;      // of supported_groups, which decides for TLS 1.2
  size_t signature;  // of signature_algorithms, which decides for TLS 1.3
};
constexpr std::array<Curve, 3> kCurves{
    {{NID_X9_62_prime256v1, 23, 0x0403}, {NID_secp384r1, 24, 0x0503}, {NID_secp521r1, 25, 0x0603}}};

bool lists(SSL* ssl, unsigned type, size_t length_width, size_t wanted) {
  Bytes body(nullptr, 0);
  Bytes list(nullptr, 0);
  if (!extension(ssl, type, body) || !body.vector(length_width, list)) return false;
  for (size_t value = 0; list.number(2, value);) {
    if (value == wanted) return true;
  }
  return false;
}

// Any suite TLS_ECDHE_ECDSA_*.
bool has_ecdsa_suite(SSL* ssl) {
  const unsigned char* data = nullptr;
  const size_t size = SSL_client_hello_get0_ciphers(ssl, &data);
  Bytes suites(data, size);
  for (size_t suite = 0; suites.number(2, suite);) {
    const bool ecdsa = (suite >= 0xc007 && suite <= 0xc00a) || suite == 0xc023 || suite == 0xc024 ||
                       suite == 0xc02b || suite == 0xc02c || suite == 0xcca9 ||
                       (suite >= 0xc0ac && suite <= 0xc0af);
    if (ecdsa) return true;
  }
  return false;
}

}  // namespace

bool ClientHello::takes_ecdsa(int curve) const {
  return std::ranges::find(ecdsa_curves, curve) != ecdsa_curves.end();
}

bool read_client_hello(SSL* ssl, ClientHello& hello) {
  if (!read_sni(ssl, hello.sni)) return false;
  Bytes status(nullptr, 0);
  hello.wants_ocsp = extension(ssl, TLSEXT_TYPE_status_request, status);
  const bool tls13 = hello.offers_tls13 = lists(ssl, TLSEXT_TYPE_supported_versions, 1, TLS1_3_VERSION);
  const bool old_suites = !tls13 && has_ecdsa_suite(ssl);
  for (const auto& curve : kCurves) {
    const bool takes = tls13 ? lists(ssl, TLSEXT_TYPE_signature_algorithms, 2, curve.signature)
                             : old_suites && lists(ssl, TLSEXT_TYPE_supported_groups, 2, curve.group);
    if (takes) hello.ecdsa_curves.push_back(curve.nid);
  }
  return true;
}

}  // namespace remora
