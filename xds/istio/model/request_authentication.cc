#include "istio/model/request_authentication.h"

#include <algorithm>

#include "istio/text/scalar.h"

namespace remora::istio {

std::optional<JwksAddress> parse_jwks_uri(const std::string& uri) {
  const bool tls = uri.starts_with("https://");
  if (!tls && !uri.starts_with("http://")) return std::nullopt;
  std::string authority = uri.substr(uri.find("://") + 3);
  authority.erase(std::min(authority.find_first_of("/?#"), authority.size()));
  JwksAddress out{authority, static_cast<uint16_t>(tls ? 443 : 80)};
  if (const size_t colon = authority.rfind(':'); colon != std::string::npos && authority.back() != ']') {
    const auto port = parse_integer(authority.substr(colon + 1));
    if (!port || *port < 1 || *port > UINT16_MAX) return std::nullopt;
    out.host = authority.substr(0, colon);
    out.port = static_cast<uint16_t>(*port);
  }
  if (out.host.empty() || out.host.find('@') != std::string::npos) return std::nullopt;
  return out;
}

}  // namespace remora::istio
