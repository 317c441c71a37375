#pragma once

#include <optional>

#include "remora/config/listener.h"
#include "remora/config/route.h"
#include "remora/filter/http_filter.h"
#include "stats/http_stats.h"

namespace remora {

/// An answer that needs no upstream, and what it counts as.
struct RouteReply {
  LocalReply reply;
  std::optional<HttpStat> counter;
  bool bare = false;  // nothing that the route says of headers holds for it
};

/// What a request gets that no route takes. `known`: there is a table of routes at all.
RouteReply reply_without_route(bool known);

/// What a request gets before its route is asked (null: there is none): the refusal of an upgrade, or the
/// redirect to https that the virtual host (null: none) demands of whatever comes, as a route of its own.
/// `internal`: the client is one of ours. Source: Envoy, VirtualHost.require_tls.
std::optional<RouteReply> reply_before_route(const VirtualHost* host, const Route* route,
                                             const HttpConnectionManagerConfig& http,
                                             const HeaderMap& request, bool internal);

/// What the route itself answers: a redirect or a direct response. Empty where the request is to be
/// forwarded. `info`: of the request, which it has; a body's format sees the body in it. Source: Envoy,
/// Route.
std::optional<RouteReply> reply_of_route(const Route& route, ExchangeInfo& info);

}  // namespace remora
