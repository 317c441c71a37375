#include "request_timeouts.h"

#include <algorithm>
#include <cstdint>

#include "core/text.h"
#include "grpc_timeout.h"

namespace remora {
namespace {

std::optional<Milliseconds> take_wish(HeaderMap& request) {
  const auto text = request.get(HeaderId::kXEnvoyUpstreamRqTimeoutMs);
  if (!text) return std::nullopt;
  const auto wish = read_number<uint64_t>(*text);
  request.remove(HeaderId::kXEnvoyUpstreamRqTimeoutMs);
  if (!wish) return std::nullopt;
  return Milliseconds(static_cast<int64_t>(std::min<uint64_t>(*wish, uint64_t{INT64_MAX} / 2)));
}

}  // namespace

RequestTimeouts take_timeouts(const RouteAction& action, const HttpConnectionManagerConfig& http,
                              std::optional<Milliseconds> per_try, bool tunnel, HeaderMap& request) {
  const auto limits = route_limits(action, http.max_stream_duration, request);
  RequestTimeouts timeouts{take_wish(request).value_or(limits.response), limits.duration};
  if (tunnel) timeouts.response = Milliseconds(0);
  auto expected = timeouts.response;
  if (per_try && (expected.count() == 0 || *per_try < expected)) expected = *per_try;
  announce_grpc_timeout(action, limits, expected, request);
  if (!http.suppress_envoy_headers && expected.count() > 0)
    request.set(HeaderId::kXEnvoyExpectedRqTimeoutMs, static_cast<uint64_t>(expected.count()));
  return timeouts;
}

}  // namespace remora
