#pragma once

#include <optional>

#include "remora/config/route.h"
#include "remora/core/clock.h"
#include "remora/http/header_map.h"

namespace remora {

/// The time that a client gives its call in grpc-timeout: at most eight digits and a unit; what is none does
/// not count. Rounded up to milliseconds. Source: gRPC over HTTP/2.
std::optional<Milliseconds> read_grpc_timeout(const HeaderMap& request);

/// Sets grpc-timeout to `timeout`, in the smallest unit whose number has eight digits.
void write_grpc_timeout(HeaderMap& request, Milliseconds timeout);

/// How long a forwarded request may take.
struct RequestLimits {
  Milliseconds response{0};              ///< until the response is complete; 0: no limit
  std::optional<Milliseconds> duration;  ///< the whole stream; absent: none; 0: it is over already
};

/// The limits that a route sets by itself: its timeout and stream duration, and for a gRPC call those that
/// follow from its grpc-timeout. `listener_duration`: max_stream_duration of the listener; 0: none. Source:
/// Envoy, route timeouts.
RequestLimits route_limits(const RouteAction& action, Milliseconds listener_duration,
                           const HeaderMap& request);

/// Tells the server of a gRPC call how long the proxy will wait, where the route heeds grpc-timeout.
/// `expected`: what is left for the attempt; 0: no limit.
void announce_grpc_timeout(const RouteAction& action, const RequestLimits& limits, Milliseconds expected,
                           HeaderMap& request);

}  // namespace remora
