#include "stats/http_stats.h"

#include <string>

namespace remora {
namespace {

constexpr auto kCounter = StatKind::kCounter;
constexpr auto kGauge = StatKind::kGauge;
constexpr auto kHistogram = StatKind::kHistogram;
constexpr std::string_view kClassTag = "envoy_response_code_class";

constexpr StatDef kHttpStatDefs[] = {
    {"downstream_cx_total"},
    {"downstream_cx_active", kGauge},
    {"downstream_cx_http1_total"},
    {"downstream_cx_http1_active", kGauge},
    {"downstream_cx_destroy"},
    {"downstream_cx_destroy_remote"},
    {"downstream_cx_destroy_local"},
    {"downstream_cx_destroy_active_rq"},
    {"downstream_cx_destroy_local_active_rq"},
    {"downstream_cx_destroy_remote_active_rq"},
    {"downstream_cx_protocol_error"},
    {"downstream_cx_length_ms", kHistogram},
    {"downstream_cx_rx_bytes_total"},
    {"downstream_cx_tx_bytes_total"},
    {"downstream_cx_drain_close"},
    {"downstream_cx_idle_timeout"},
    {"downstream_cx_max_duration_reached"},
    {"downstream_cx_max_requests_reached"},
    {"downstream_cx_upgrades_total"},
    {"downstream_cx_upgrades_active", kGauge},
    {"downstream_cx_delayed_close_timeout"},
    {"downstream_rq_total"},
    {"downstream_rq_active", kGauge},
    {"downstream_rq_http1_total"},
    {"downstream_rq_1xx", kCounter, "downstream_rq_xx", kClassTag, "1"},
    {"downstream_rq_2xx", kCounter, "downstream_rq_xx", kClassTag, "2"},
    {"downstream_rq_3xx", kCounter, "downstream_rq_xx", kClassTag, "3"},
    {"downstream_rq_4xx", kCounter, "downstream_rq_xx", kClassTag, "4"},
    {"downstream_rq_5xx", kCounter, "downstream_rq_xx", kClassTag, "5"},
    {"downstream_rq_completed"},
    {"downstream_rq_time", kHistogram},
    {"downstream_rq_rx_reset"},
    {"downstream_rq_tx_reset"},
    {"downstream_rq_non_relative_path"},
    {"downstream_rq_too_large"},
    {"downstream_rq_idle_timeout"},
    {"downstream_rq_timeout"},
    {"downstream_rq_header_timeout"},
    {"downstream_rq_max_duration_reached"},
    {"downstream_rq_ws_on_non_ws_route"},
    {"downstream_rq_response_before_rq_complete"},
    {"downstream_rq_failed_path_normalization"},
    {"downstream_rq_redirected_with_normalized_path"},
    {"downstream_flow_control_paused_reading_total"},
    {"downstream_flow_control_resumed_reading_total"},
    {"downstream_cx_http2_total"},
    {"downstream_cx_http2_active", kGauge},
    {"downstream_cx_ssl_total"},
    {"downstream_cx_ssl_active", kGauge},
    {"downstream_rq_http2_total"},
    {"downstream_cx_overload_disable_keepalive"},
    {"downstream_rq_overload_close"},
    {"downstream_cx_rx_bytes_buffered", kGauge},
    {"downstream_cx_tx_bytes_buffered", kGauge},
    {"no_route"},
    {"no_cluster"},
    {"rq_redirect"},
    {"rq_direct_response"},
    {"rq_total"},
    {"rq_reset_after_downstream_response_started"},
    {"rs_too_large"},
    {"downstream_rq_too_many_premature_resets"},
    {"passthrough_internal_redirect_bad_location"},
    {"passthrough_internal_redirect_unsafe_scheme"},
    {"passthrough_internal_redirect_too_many_redirects"},
    {"passthrough_internal_redirect_no_route"},
    {"passthrough_internal_redirect_predicate"},
    {"rq_overload_local_reply"},
};
static_assert(std::size(kHttpStatDefs) == kHttpStatCount);

constexpr StatDef kListenerStatDefs[] = {
    {"downstream_cx_total"},
    {"downstream_cx_active", kGauge},
    {"downstream_cx_destroy"},
    {"downstream_cx_length_ms", kHistogram},
    {"downstream_cx_overflow"},
    {"no_filter_chain_match"},
    {"downstream_cx_transport_socket_connect_timeout"},
    {"downstream_pre_cx_active", kGauge},
    {"downstream_pre_cx_timeout"},
    {"downstream_listener_filter_remote_close"},
    {"downstream_listener_filter_error"},
    {"downstream_cx_overload_reject"},
    {"downstream_global_cx_overflow"},
};
static_assert(std::size(kListenerStatDefs) == kListenerStatCount);

constexpr StatDef kListenerWorkerStatDefs[] = {{"downstream_cx_total"}, {"downstream_cx_active", kGauge}};

constexpr StatDef kListenerHttpStatDefs[] = {
    {"downstream_rq_1xx", kCounter, "downstream_rq_xx", kClassTag, "1"},
    {"downstream_rq_2xx", kCounter, "downstream_rq_xx", kClassTag, "2"},
    {"downstream_rq_3xx", kCounter, "downstream_rq_xx", kClassTag, "3"},
    {"downstream_rq_4xx", kCounter, "downstream_rq_xx", kClassTag, "4"},
    {"downstream_rq_5xx", kCounter, "downstream_rq_xx", kClassTag, "5"},
    {"downstream_rq_completed"},
};

}  // namespace

StatSchema http_stat_schema() { return kHttpStatDefs; }
StatSchema listener_stat_schema() { return kListenerStatDefs; }
StatSchema listener_worker_stat_schema() { return kListenerWorkerStatDefs; }
StatSchema listener_http_stat_schema() { return kListenerHttpStatDefs; }

ScopeName http_scope_name(std::string_view stat_prefix) {
  const std::string prefix(stat_prefix);
  return {"http." + prefix + ".", "envoy_http_", {{"envoy_http_conn_manager_prefix", prefix}}, {}};
}

ScopeName listener_scope_name(std::string_view stat_prefix) {
  const std::string prefix(stat_prefix);
  return {"listener." + prefix + ".", "envoy_listener_", {{"envoy_listener_address", prefix}}, {}};
}

ScopeName listener_worker_scope_name(std::string_view listener_prefix, size_t worker) {
  const std::string listener(listener_prefix);
  const auto id = std::to_string(worker);
  return {"listener." + listener + ".worker_" + id + ".",
          "envoy_listener_worker_",
          {{"envoy_worker_id", id}, {"envoy_listener_address", listener}},
          {}};
}

ScopeName listener_http_scope_name(std::string_view listener_prefix, std::string_view stat_prefix) {
  const std::string listener(listener_prefix);
  const std::string prefix(stat_prefix);
  return {"listener." + listener + ".http." + prefix + ".",
          "envoy_listener_http_",
          {{"envoy_http_conn_manager_prefix", prefix}, {"envoy_listener_address", listener}},
          {}};
}

}  // namespace remora
