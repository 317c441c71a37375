#include "stats/http2_stats.h"

#include <iterator>
#include <string>

namespace remora {
namespace {

constexpr auto kGauge = StatKind::kGauge;

constexpr StatDef kHttp2StatDefs[] = {
    {"goaway_sent"},
    {"header_overflow"},
    {"inbound_empty_frames_flood"},
    {"inbound_priority_frames_flood"},
    {"inbound_window_update_frames_flood"},
    {"keepalive_timeout"},
    {"outbound_control_flood"},
    {"outbound_flood"},
    {"rx_messaging_error"},
    {"rx_reset"},
    {"stream_refused_errors"},
    {"trailers"},
    {"tx_flush_timeout"},
    {"tx_reset"},
    {"streams_active", kGauge},
    {"pending_send_bytes", kGauge},
};
static_assert(std::size(kHttp2StatDefs) == kHttp2StatCount);

}  // namespace

StatSchema http2_stat_schema() { return kHttp2StatDefs; }

ScopeName downstream_http2_scope_name() { return {"http2.", "envoy_http2_", {}, {}}; }

ScopeName cluster_http2_scope_name(std::string_view stat_name) {
  const std::string name(stat_name);
  return {"cluster." + name + ".http2.", "envoy_cluster_http2_", {{"envoy_cluster_name", name}}, {}};
}

}  // namespace remora
