#include "grpc_timeout.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string_view>

#include "core/grpc.h"

namespace remora {
namespace {

constexpr int64_t kMostDigits = 99'999'999;

constexpr Milliseconds kNone{0};

// What the client asks for, limited and shortened as max_grpc_timeout wants it; 0: no limit.
Milliseconds capped_timeout(const GrpcTimeouts& rules, const HeaderMap& request) {
  Milliseconds timeout = read_grpc_timeout(request).value_or(kNone);
  if (rules.offset < timeout) timeout -= rules.offset;
  if (*rules.max != kNone && (timeout == kNone || timeout > *rules.max)) timeout = *rules.max;
  return timeout;
}

// The deadline that max_stream_duration makes of the client's. 0: it is over.
Milliseconds stream_deadline(const GrpcTimeouts& rules, Milliseconds asked) {
  if (*rules.header_max != kNone) asked = std::min(asked, *rules.header_max);
  return asked > rules.header_offset ? asked - rules.header_offset : kNone;
}

std::optional<Milliseconds> none_if_zero(Milliseconds duration) {
  return duration == kNone ? std::nullopt : std::optional(duration);
}

}  // namespace

std::optional<Milliseconds> read_grpc_timeout(const HeaderMap& request) {
  const std::string_view text = request.value_of(HeaderId::kGrpcTimeout);
  if (text.size() < 2) return std::nullopt;
  int64_t number = 0;
  const char* unit = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(text.data(), unit, number);
  if (error != std::errc() || end != unit || number < 0 || number > kMostDigits) return std::nullopt;
  const auto rounded_up = [number](int64_t parts) { return Milliseconds((number + parts - 1) / parts); };
  switch (*unit) {
    case 'H': return Milliseconds(number * 3'600'000);
    case 'M': return Milliseconds(number * 60'000);
    case 'S': return Milliseconds(number * 1'000);
    case 'm': return Milliseconds(number);
    case 'u': return rounded_up(1'000);
    case 'n': return rounded_up(1'000'000);
    default: return std::nullopt;
  }
}

void write_grpc_timeout(HeaderMap& request, Milliseconds timeout) {
  struct Unit {
    char name;
    int64_t times_the_one_before;
  };
  constexpr Unit kUnits[] = {{'S', 1000}, {'M', 60}, {'H', 60}};
  int64_t number = timeout.count();
  char name = 'm';
  for (const Unit& unit : kUnits) {
    if (number <= kMostDigits) break;
    number /= unit.times_the_one_before;
    name = unit.name;
  }
  char text[24];
  char* end = std::to_chars(text, text + sizeof text - 1, std::min(number, kMostDigits)).ptr;
  *end++ = name;
  request.set(HeaderId::kGrpcTimeout, std::string_view(text, static_cast<size_t>(end - text)));
}

RequestLimits route_limits(const RouteAction& action, Milliseconds listener_duration,
                           const HeaderMap& request) {
  RequestLimits limits;
  const GrpcTimeouts& rules = action.grpc_timeouts;
  limits.duration = none_if_zero(action.max_stream_duration.value_or(listener_duration));
  if (!action.has_stream_duration) {
    const bool heeds_header = rules.max && is_grpc_request(request);
    limits.response = heeds_header ? capped_timeout(rules, request) : action.timeout;
  } else if (rules.header_max) {
    if (const auto asked = read_grpc_timeout(request)) limits.duration = stream_deadline(rules, *asked);
  }
  return limits;
}

void announce_grpc_timeout(const RouteAction& action, const RequestLimits& limits, Milliseconds expected,
                           HeaderMap& request) {
  if (!action.has_stream_duration && !action.grpc_timeouts->max) return;
  if (!is_grpc_request(request)) return;
  if (action.has_stream_duration) {
    if (limits.duration) write_grpc_timeout(request, *limits.duration);
  } else if (expected != kNone) {
    write_grpc_timeout(request, expected);
  }
}

}  // namespace remora
