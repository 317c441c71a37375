#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "istio/model/services.h"
#include "istio/text/scalar.h"

namespace remora::istio {

/// JWTRule: an issuer, where its tokens stand, and how to know them.
struct JwtRule {
  struct Header {
    std::string name;
    std::string prefix;
  };
  std::string issuer;
  std::vector<std::string> audiences;
  std::string jwks;      ///< the keys themselves; one of the two is there
  std::string jwks_uri;  ///< where they are
  std::vector<Header> from_headers;
  std::vector<std::string> from_params;
  std::vector<std::string> from_cookies;
  std::string payload_header;
  std::vector<std::pair<std::string, std::string>> claim_headers;  ///< header and claim
  std::vector<std::string> space_delimited;
  bool forward = false;
  Duration timeout{};  ///< of fetching the keys
  std::string path;    ///< "spec.jwtRules[0]"
  int line = 0;
};

/// https://istio.io/latest/docs/reference/config/security/request_authentication/
struct RequestAuthentication {
  Labels selector;  ///< empty: the whole namespace, or the mesh if it stands in the root namespace
  std::vector<JwtRule> rules;
};

/// The host, the port and the rest of a jwksUri; nothing if it is no address of http or https.
struct JwksAddress {
  std::string host;
  uint16_t port = 0;
};
std::optional<JwksAddress> parse_jwks_uri(const std::string& uri);

}  // namespace remora::istio
