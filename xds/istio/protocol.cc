#include "istio/protocol.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace remora::istio {
namespace {

constexpr std::array<std::string_view, 14> kOtherProtocols{
    "tcp",   "tls",   "https", "grpc",       "grpc-web", "http2", "mongo",
    "mysql", "redis", "udp",   "http_proxy", "h2c",      "ws",    "wss"};

}  // namespace

Protocol protocol_of_word(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // Kubernetes' own names for WebSocket over plain HTTP/1.1 carry a prefix.
  if (lower == "http" || lower == "http1" || lower == "kubernetes.io/ws" || lower == "ws")
    return Protocol::kHttp;
  const bool known =
      std::find(kOtherProtocols.begin(), kOtherProtocols.end(), lower) != kOtherProtocols.end();
  return known || lower.starts_with("kubernetes.io/") ? Protocol::kOther : Protocol::kUndeclared;
}

Protocol protocol_of_port_name(std::string_view name) {
  const Protocol whole = protocol_of_word(name);
  if (whole != Protocol::kUndeclared) return whole;
  if (name.starts_with("grpc-web-")) return Protocol::kOther;
  const size_t dash = name.find('-');
  return dash == std::string_view::npos ? Protocol::kUndeclared : protocol_of_word(name.substr(0, dash));
}

}  // namespace remora::istio
