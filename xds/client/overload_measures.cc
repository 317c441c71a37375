#include "client/overload_measures.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "translate/field_check.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using Measure = OverloadMeasure;
using ScaleTimers = envoy::config::overload::v3::ScaleTimersOverloadActionConfig;

using Named = std::pair<std::string_view, Measure>;
constexpr Named kActions[] = {
    {"shrink_heap", Measure::kShrinkHeap},
    {"stop_accepting_requests", Measure::kStopAcceptingRequests},
    {"disable_http_keepalive", Measure::kDisableHttpKeepalive},
    {"stop_accepting_connections", Measure::kStopAcceptingConnections},
    {"reject_incoming_connections", Measure::kRejectIncomingConnections},
    {"reduce_timeouts", Measure::kReduceTimeouts},
};
constexpr Named kPoints[] = {
    {"tcp_listener_accept", Measure::kTcpListenerAccept},
    {"http_connection_manager_decode_headers", Measure::kDecodeHeaders},
    {"http1_server_abort_dispatch", Measure::kHttp1AbortDispatch},
    {"http2_server_go_away_on_dispatch", Measure::kHttp2GoAway},
    {"http2_server_go_away_and_close_on_dispatch", Measure::kHttp2GoAwayAndClose},
    {"hcm_ondata_creating_codec", Measure::kCreateCodec},
    {"http_downstream_filter_check", Measure::kDownstreamFilterCheck},
    {"connection_pool_new_connection", Measure::kNewUpstreamConnection},
};

std::optional<Measure> find(std::span<const Named> all, std::string_view prefix, std::string_view name) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const auto found = std::ranges::find(all, name.substr(prefix.size()), &Named::first);
  return found == all.end() ? std::nullopt : std::optional(found->second);
}

std::optional<ScaledTimeout> to_timeout(const ScaleTimers::ScaleTimer& proto, Context& context) {
  switch (proto.timer()) {
    case ScaleTimers::HTTP_DOWNSTREAM_CONNECTION_IDLE: return ScaledTimeout::kConnectionIdle;
    case ScaleTimers::HTTP_DOWNSTREAM_STREAM_IDLE: return ScaledTimeout::kStreamIdle;
    case ScaleTimers::TRANSPORT_SOCKET_CONNECT: return ScaledTimeout::kTransportSocketConnect;
    case ScaleTimers::HTTP_DOWNSTREAM_CONNECTION_MAX: return ScaledTimeout::kConnectionMax;
    case ScaleTimers::UNSPECIFIED: break;  // what the field may hold has been checked
    default: context.unsupported("timer", ScaleTimers::TimerType_Name(proto.timer())); break;
  }
  return std::nullopt;
}

void add_timeout(const ScaleTimers::ScaleTimer& proto, Context& context, OverloadSettings& out) {
  const auto timeout = to_timeout(proto, context);
  if (!timeout) return;
  auto& least = out.reduced[static_cast<size_t>(*timeout)];
  if (least) return context.error("timer", ScaleTimers::TimerType_Name(proto.timer()) + " is there twice");
  least.emplace();
  if (proto.has_min_timeout()) least->time = to_milliseconds(proto.min_timeout(), "min_timeout", context);
  if (proto.has_min_scale()) least->part = proto.min_scale().value() / 100;
}

void read_reduced_timeouts(const envoy::config::overload::v3::OverloadAction& proto, Context& context,
                           OverloadSettings& out) {
  if (!proto.has_typed_config())
    return context.error("typed_config", "is required: it says which timeouts are reduced");
  const TypedConfig config = unpack(proto.typed_config());
  const auto* timers = dynamic_cast<const ScaleTimers*>(config.message.get());
  if (timers == nullptr) return refuse_extension("overload action", proto.name(), config, context);
  const auto scope = context.in("typed_config");
  check_fields(*timers, context);
  for (int i = 0; i < timers->timer_scale_factors_size(); ++i) {
    const auto at = context.in("timer_scale_factors", i);
    add_timeout(timers->timer_scale_factors(i), context, out);
  }
}

}  // namespace

std::optional<Measure> action_of(std::string_view name) {
  return find(kActions, "envoy.overload_actions.", name);
}

std::optional<Measure> load_shed_point_of(std::string_view name) {
  return find(kPoints, "envoy.load_shed_points.", name);
}

void read_action_settings(const envoy::config::overload::v3::OverloadAction& proto, Measure measure,
                          Context& context, OverloadSettings& out) {
  if (measure == Measure::kReduceTimeouts) {
    read_reduced_timeouts(proto, context, out);
  } else if (proto.has_typed_config()) {
    context.unsupported("typed_config", "settings of the action '" + proto.name() + "'");
  }
}

}  // namespace remora::xds
