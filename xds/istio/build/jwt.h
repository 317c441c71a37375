#pragma once

#include <vector>

#include "istio/model/request_authentication.h"

namespace envoy::extensions::filters::http::jwt_authn::v3 {
class JwtAuthentication;
}

namespace remora::istio {

/// The filter that enforces `rules`, of which there is at least one: a token that is there must be good; a
/// request without one passes. Keys that are not given are fetched by the proxy from the service that their
/// address names.
/// `routes_by_claims`: the route is chosen once more when the token is known.
envoy::extensions::filters::http::jwt_authn::v3::JwtAuthentication build_jwt_filter(
    const std::vector<const JwtRule*>& rules, bool routes_by_claims = false);

}  // namespace remora::istio
