#pragma once

#include <string>

#include "remora/config/route.h"
#include "remora/http/header_map.h"

namespace remora {

/// Applies a route's path and host rewrites to the request that goes upstream. With `keep_original` the old
/// path is left in x-envoy-original-path. Source: Envoy, RouteAction rewrites.
void rewrite_path(const Route& route, bool keep_original, HeaderMap& head, const ExchangeInfo& info);
/// Not kAuto: that one waits for the host to be chosen; see rewrite_host_to.
void rewrite_host(const HostRewrite& rewrite, HeaderMap& head, const ExchangeInfo& info);
void rewrite_host_to(std::string_view host, bool append_x_forwarded_host, HeaderMap& head);

/// The Location of a redirect. Source: Envoy, RedirectAction.
std::string redirect_location(const Route& route, const HeaderMap& head);

}  // namespace remora
