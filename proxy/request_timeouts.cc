#include "request_timeouts.h"

#include <algorithm>
#include <cstdint>

#include "core/text.h"
#include "grpc_timeout.h"

namespace remora {
namespace {

std::optional<Milliseconds> read_wish(const HeaderMap& request, HeaderId header) {
  const auto text = request.get(header);
  const auto wish = text ? read_number<uint64_t>(*text) : std::nullopt;
  if (!wish) return std::nullopt;
  return Milliseconds(static_cast<int64_t>(std::min<uint64_t>(*wish, uint64_t{INT64_MAX} / 2)));
}

/// What the client asks for in that header, which goes no further.
std::optional<Milliseconds> take_wish(HeaderMap& request, HeaderId header) {
  const auto wish = read_wish(request, header);
  request.remove(header);
  return wish;
}

/// What a proxy before this one has announced takes the wish's place, even if it is no number.
std::optional<Milliseconds> wished_response(const RouterConfig& router, HeaderMap& request) {
  if (router.respect_expected_timeout && request.has(HeaderId::kXEnvoyExpectedRqTimeoutMs))
    return read_wish(request, HeaderId::kXEnvoyExpectedRqTimeoutMs);
  return take_wish(request, HeaderId::kXEnvoyUpstreamRqTimeoutMs);
}

/// How long an upstream may take; 0: as long as it likes. A time that is over is 1 ms: 0 would be none.
Milliseconds time_of_attempt(const AttemptLimits& limits) {
  const Milliseconds whole = limits.response;
  const Milliseconds one = limits.per_try.value_or(Milliseconds(0));
  const bool limited = one.count() > 0 && !limits.hedges && (whole.count() == 0 || one < whole);
  const Milliseconds expected = limited ? one : whole;
  if (whole.count() == 0) return expected;
  return std::min(expected, std::max(whole - limits.elapsed, Milliseconds(1)));
}

void set_expected(const HttpConnectionManagerConfig& http, Milliseconds expected, HeaderMap& request) {
  if (!http.suppress_envoy_headers && expected.count() > 0)
    request.set(HeaderId::kXEnvoyExpectedRqTimeoutMs, static_cast<uint64_t>(expected.count()));
}

}  // namespace

RequestTimeouts take_timeouts(const RouteAction& action, const HttpConnectionManagerConfig& http,
                              const RouterConfig& router, std::optional<Milliseconds> per_try, bool tunnel,
                              HeaderMap& request) {
  const auto limits = route_limits(action, http.max_stream_duration, request);
  const auto response = wished_response(router, request);
  RequestTimeouts timeouts{response.value_or(limits.response), limits.duration};
  // A client may ask for less than the route allows, never for more.
  if (const auto duration = take_wish(request, HeaderId::kXEnvoyUpstreamStreamDurationMs))
    timeouts.duration = std::min(timeouts.duration.value_or(*duration), *duration);
  request.remove(HeaderId::kXEnvoyUpstreamAltStatName);  // no statistics are kept under names of clients
  if (tunnel) timeouts.response = Milliseconds(0);
  const auto expected = time_of_attempt({.response = timeouts.response, .per_try = per_try});
  announce_grpc_timeout(action, limits, expected, request);
  set_expected(http, expected, request);
  return timeouts;
}

void announce_time_left(const RouteAction& action, const HttpConnectionManagerConfig& http,
                        const AttemptLimits& limits, HeaderMap& request) {
  const auto expected = time_of_attempt(limits);
  // The deadline of a stream, unlike that of an attempt, was told once and for all.
  if (!action.has_stream_duration) announce_grpc_timeout(action, {}, expected, request);
  set_expected(http, expected, request);
}

}  // namespace remora
