#pragma once

#include <optional>

#include "remora/config/listener.h"
#include "remora/config/route.h"
#include "remora/core/clock.h"
#include "remora/filter/router.h"
#include "remora/http/header_map.h"

namespace remora {

/// What a forwarded request may take, from everybody who has a say.
struct RequestTimeouts {
  Milliseconds response{0};              ///< from the request's end to the response's; 0: no limit
  std::optional<Milliseconds> duration;  ///< of the whole stream; absent: none; 0: it is over already
};

/// Decides by the route, by the request's x-envoy-upstream-rq-timeout-ms, which is taken out, and by a gRPC
/// call's deadline; tells the upstream how long an attempt has (x-envoy-expected-rq-timeout-ms,
/// grpc-timeout). Where the router is told to, what a proxy before this one has announced in
/// x-envoy-expected-rq-timeout-ms decides instead of the request's wish. `per_try`: the limit of one attempt;
/// a tunnel has no response time. Source: Envoy, router filter.
RequestTimeouts take_timeouts(const RouteAction& action, const HttpConnectionManagerConfig& http,
                              const RouterConfig& router, std::optional<Milliseconds> per_try, bool tunnel,
                              HeaderMap& request);

/// What limits a further attempt of a request.
struct AttemptLimits {
  Milliseconds response{0};             ///< RequestTimeouts::response
  std::optional<Milliseconds> per_try;  ///< of one attempt
  bool hedges = false;                  ///< which goes on when `per_try` is over
  Milliseconds elapsed{0};              ///< of `response`
};

/// Tells the upstream of a further attempt what is left of the request's time, as take_timeouts() told the
/// first one. Source: Envoy, router filter.
void announce_time_left(const RouteAction& action, const HttpConnectionManagerConfig& http,
                        const AttemptLimits& limits, HeaderMap& request);

}  // namespace remora
