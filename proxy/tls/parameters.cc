#include "tls/parameters.h"

#include <openssl/err.h>

#include <string_view>

#include "tls/openssl_error.h"

namespace remora {
namespace {

using Version = TlsParameters::Version;

// Envoy's defaults. Suites in brackets are equal in preference: the client's own decides.
constexpr std::string_view kDefaultCiphers =
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]:"
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr const char* kTls13Ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr const char* kDefaultCurves = "X25519:P-256";

int protocol_of(Version version, Version automatic) {
  switch (version == Version::kAuto ? automatic : version) {
    case Version::kTls10: return TLS1_VERSION;
    case Version::kTls11: return TLS1_1_VERSION;
    case Version::kTls13: return TLS1_3_VERSION;
    default: return TLS1_2_VERSION;
  }
}

Result<void> apply_versions(const TlsParameters& parameters, TlsSide side, SSL_CTX* context) {
  const int lowest = protocol_of(parameters.minimum, Version::kTls12);
  const int highest =
      protocol_of(parameters.maximum, side == TlsSide::kServer ? Version::kTls13 : Version::kTls12);
  if (lowest > highest)
    return Error{"tls_params: tls_minimum_protocol_version is above tls_maximum_protocol_version"};
  // OpenSSL counts the digests of TLS 1.1 as too weak for its level 1; who configures 1.1 wants it to work.
  SSL_CTX_set_security_level(context, lowest < TLS1_2_VERSION ? 0 : 1);
  if (SSL_CTX_set_min_proto_version(context, lowest) != 1 ||
      SSL_CTX_set_max_proto_version(context, highest) != 1)
    return Error{"tls_params: " + take_openssl_reason()};
  return {};
}

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const auto& value : values) text += (text.empty() ? "" : ":") + value;
  return text;
}

/// A BoringSSL rule string as OpenSSL's: brackets go, bars become colons.
std::string without_groups(std::string_view rules) {
  std::string flat;
  for (const char c : rules) {
    if (c == '[' || c == ']') continue;
    flat += c == '|' ? ':' : c;
  }
  return flat;
}

// OpenSSL leaves out what it does not know without a word, and does not mind as long as one suite is left.
Result<void> check_each_cipher(std::string_view flat, SSL_CTX* context) {
  while (!flat.empty()) {
    const auto colon = flat.find(':');
    const std::string name(flat.substr(0, colon));
    flat = colon == std::string_view::npos ? std::string_view{} : flat.substr(colon + 1);
    if (name.empty() || name.front() == '!' || name.front() == '-' || name.front() == '+' ||
        name.front() == '@')
      continue;
    if (SSL_CTX_set_cipher_list(context, name.c_str()) == 1) continue;
    ERR_clear_error();
    return Error{"tls_params.cipher_suites: unknown cipher suite '" + name + "'"};
  }
  return {};
}

Result<void> apply_ciphers(const std::vector<std::string>& suites, SSL_CTX* context) {
  const std::string rules = suites.empty() ? std::string(kDefaultCiphers) : joined(suites);
  const auto flat = without_groups(rules);
  if (auto known = check_each_cipher(flat, context); !known) return known;
  if (SSL_CTX_set_cipher_list(context, flat.c_str()) != 1)
    return Error{"tls_params.cipher_suites: " + take_openssl_reason()};
  // The one group that is of use: ChaCha20 for clients without AES in hardware, who put it first.
  if (rules.find('[') != std::string::npos && rules.find("CHACHA20") != std::string::npos)
    SSL_CTX_set_options(context, SSL_OP_PRIORITIZE_CHACHA);
  if (SSL_CTX_set_ciphersuites(context, kTls13Ciphers) != 1)
    return Error{"TLS 1.3 cipher suites: " + take_openssl_reason()};
  return {};
}

}  // namespace

Result<void> apply_parameters(const TlsParameters& parameters, TlsSide side, SSL_CTX* context) {
  if (auto applied = apply_versions(parameters, side, context); !applied) return applied;
  if (auto applied = apply_ciphers(parameters.cipher_suites, context); !applied) return applied;
  const std::string curves = parameters.curves.empty() ? kDefaultCurves : joined(parameters.curves);
  if (SSL_CTX_set1_groups_list(context, curves.c_str()) != 1) {
    ERR_clear_error();
    return Error{"tls_params.ecdh_curves: OpenSSL does not know all of '" + curves + "'"};
  }
  if (parameters.signature_algorithms.empty()) return {};
  const auto algorithms = joined(parameters.signature_algorithms);
  if (SSL_CTX_set1_sigalgs_list(context, algorithms.c_str()) == 1) return {};
  ERR_clear_error();
  return Error{"tls_params.signature_algorithms: OpenSSL does not know all of '" + algorithms + "'"};
}

Result<std::string> alpn_wire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const auto& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255)
      return Error{"alpn_protocols: '" + protocol + "' must have 1 to 255 bytes"};
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

}  // namespace remora
