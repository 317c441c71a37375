#include "request_timeouts.h"

#include <algorithm>
#include <cstdint>

#include "core/text.h"
#include "grpc_timeout.h"

namespace remora {
namespace {

/// What the client asks for in that header, which goes no further.
std::optional<Milliseconds> take_wish(HeaderMap& request, HeaderId header) {
  const auto text = request.get(header);
  if (!text) return std::nullopt;
  const auto wish = read_number<uint64_t>(*text);
  request.remove(header);
  if (!wish) return std::nullopt;
  return Milliseconds(static_cast<int64_t>(std::min<uint64_t>(*wish, uint64_t{INT64_MAX} / 2)));
}

}  // namespace

RequestTimeouts take_timeouts(const RouteAction& action, const HttpConnectionManagerConfig& http,
                              std::optional<Milliseconds> per_try, bool tunnel, HeaderMap& request) {
  const auto limits = route_limits(action, http.max_stream_duration, request);
  const auto response = take_wish(request, HeaderId::kXEnvoyUpstreamRqTimeoutMs);
  RequestTimeouts timeouts{response.value_or(limits.response), limits.duration};
  // A client may ask for less than the route allows, never for more.
  if (const auto duration = take_wish(request, HeaderId::kXEnvoyUpstreamStreamDurationMs))
    timeouts.duration = std::min(timeouts.duration.value_or(*duration), *duration);
  request.remove(HeaderId::kXEnvoyUpstreamAltStatName);  // no statistics are kept under names of clients
  if (tunnel) timeouts.response = Milliseconds(0);
  auto expected = timeouts.response;
  if (per_try && (expected.count() == 0 || *per_try < expected)) expected = *per_try;
  announce_grpc_timeout(action, limits, expected, request);
  if (!http.suppress_envoy_headers && expected.count() > 0)
    request.set(HeaderId::kXEnvoyExpectedRqTimeoutMs, static_cast<uint64_t>(expected.count()));
  return timeouts;
}

}  // namespace remora
