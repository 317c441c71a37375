#include "istio/model/protocol.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

namespace remora::istio {
namespace {

constexpr std::array<std::pair<std::string_view, Protocol>, 20> kWords{{
    {"http", Protocol::kHttp},
    {"http1", Protocol::kHttp},
    {"ws", Protocol::kHttp},
    {"kubernetes.io/ws", Protocol::kHttp},  // Kubernetes' own names carry a prefix
    {"http2", Protocol::kHttp2},
    {"h2c", Protocol::kHttp2},
    {"kubernetes.io/h2c", Protocol::kHttp2},
    {"grpc", Protocol::kHttp2},
    {"grpc-web", Protocol::kHttp2},
    {"tcp", Protocol::kTcp},
    {"mongo", Protocol::kTcp},
    {"mysql", Protocol::kTcp},
    {"redis", Protocol::kTcp},
    {"tls", Protocol::kTls},
    {"https", Protocol::kTls},
    {"wss", Protocol::kTls},
    {"kubernetes.io/wss", Protocol::kTls},
    {"udp", Protocol::kOther},
    {"sctp", Protocol::kOther},
    {"http_proxy", Protocol::kOther},
}};

/// SMTP, DNS, MySQL, MongoDB.
constexpr std::array<uint16_t, 4> kServerFirstPorts{25, 53, 3306, 27017};

}  // namespace

Protocol protocol_of_word(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto known =
      std::find_if(kWords.begin(), kWords.end(), [&](const auto& entry) { return entry.first == lower; });
  if (known != kWords.end()) return known->second;
  return lower.starts_with("kubernetes.io/") ? Protocol::kOther : Protocol::kUndeclared;
}

Protocol protocol_of_port_name(std::string_view name) {
  const Protocol whole = protocol_of_word(name);
  if (whole != Protocol::kUndeclared) return whole;
  if (name.starts_with("grpc-web-")) return Protocol::kHttp2;
  const size_t dash = name.find('-');
  return dash == std::string_view::npos ? Protocol::kUndeclared : protocol_of_word(name.substr(0, dash));
}

Protocol protocol_on_port(Protocol declared, uint16_t port) {
  if (declared != Protocol::kUndeclared) return declared;
  const bool server_first =
      std::find(kServerFirstPorts.begin(), kServerFirstPorts.end(), port) != kServerFirstPorts.end();
  return server_first ? Protocol::kTcp : Protocol::kUndeclared;
}

}  // namespace remora::istio
