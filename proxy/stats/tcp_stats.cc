#include "stats/tcp_stats.h"

#include <string>

namespace remora {
namespace {

constexpr auto kGauge = StatKind::kGauge;
constexpr StatDef kTcpStatDefs[] = {
    {"downstream_cx_total"},
    {"downstream_cx_no_route"},
    {"downstream_cx_tx_bytes_total"},
    {"downstream_cx_tx_bytes_buffered", kGauge},
    {"downstream_cx_rx_bytes_total"},
    {"downstream_cx_rx_bytes_buffered", kGauge},
    {"downstream_flow_control_paused_reading_total"},
    {"downstream_flow_control_resumed_reading_total"},
    {"idle_timeout"},
    {"max_downstream_connection_duration"},
    {"upstream_flush_total"},
    {"upstream_flush_active", kGauge},
};

}  // namespace

StatSchema tcp_stat_schema() { return kTcpStatDefs; }

ScopeName tcp_scope_name(std::string_view stat_prefix) {
  const std::string prefix(stat_prefix);
  return {"tcp." + prefix + ".", "envoy_tcp_", {{"envoy_tcp_prefix", prefix}}, {}};
}

}  // namespace remora
