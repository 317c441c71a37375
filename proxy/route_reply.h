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
};

/// What a request gets that no route takes. `known`: there is a table of routes at all.
RouteReply reply_without_route(bool known);

/// What the route itself answers: a redirect (also to https, where the virtual host demands it), a direct
/// response, or the refusal of an upgrade. Empty where the request is to be forwarded. `internal`: the client
/// is one of ours. Source: Envoy, Route.
std::optional<RouteReply> reply_of_route(const VirtualHost& host, const Route& route,
                                         const HttpConnectionManagerConfig& http, const HeaderMap& request,
                                         bool internal);

}  // namespace remora
