#include "stats/cluster_stats.h"

#include <string>

namespace remora {
namespace {

constexpr auto kGauge = StatKind::kGauge;
constexpr auto kHistogram = StatKind::kHistogram;

constexpr StatDef kClusterStatDefs[] = {
    {"upstream_cx_total"},
    {"upstream_cx_active", kGauge},
    {"upstream_cx_http1_total"},
    {"upstream_cx_connect_fail"},
    {"upstream_cx_connect_timeout"},
    {"upstream_cx_idle_timeout"},
    {"upstream_cx_max_duration_reached"},
    {"upstream_cx_max_requests"},
    {"upstream_cx_overflow"},
    {"upstream_cx_none_healthy"},
    {"upstream_cx_connect_ms", kHistogram},
    {"upstream_cx_length_ms", kHistogram},
    {"upstream_cx_destroy"},
    {"upstream_cx_destroy_local"},
    {"upstream_cx_destroy_remote"},
    {"upstream_cx_destroy_with_active_rq"},
    {"upstream_cx_destroy_local_with_active_rq"},
    {"upstream_cx_destroy_remote_with_active_rq"},
    {"upstream_cx_protocol_error"},
    {"upstream_cx_rx_bytes_total"},
    {"upstream_cx_tx_bytes_total"},
    {"upstream_rq_total"},
    {"upstream_rq_active", kGauge},
    {"upstream_rq_pending_total"},
    {"upstream_rq_pending_active", kGauge},
    {"upstream_rq_pending_overflow"},
    {"upstream_rq_active_overflow"},
    {"upstream_rq_pending_failure_eject"},
    {"upstream_rq_cancelled"},
    {"upstream_rq_maintenance_mode"},
    {"upstream_rq_timeout"},
    {"upstream_rq_per_try_timeout"},
    {"upstream_rq_max_duration_reached"},
    {"upstream_rq_rx_reset"},
    {"upstream_rq_tx_reset"},
    {"upstream_rq_retry"},
    {"upstream_rq_retry_backoff_exponential"},
    {"upstream_rq_retry_limit_exceeded"},
    {"upstream_rq_retry_success"},
    {"upstream_rq_retry_overflow"},
    {"upstream_rq_completed"},
    {"upstream_rq_1xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "1"},
    {"upstream_rq_2xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "2"},
    {"upstream_rq_3xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "3"},
    {"upstream_rq_4xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "4"},
    {"upstream_rq_5xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "5"},
    {"upstream_rq_time", kHistogram},
    {"retry_or_shadow_abandoned"},
    {"membership_change"},
    {"membership_total", kGauge},
    {"membership_healthy", kGauge},
    {"membership_degraded", kGauge},
    {"membership_excluded", kGauge},
    {"max_host_weight", kGauge},
    {"update_no_rebuild"},
    {"version", kGauge},
    {"lb_healthy_panic"},
    {"lb_subsets_active", kGauge},
    {"lb_subsets_created"},
    {"lb_subsets_removed"},
    {"lb_subsets_selected"},
    {"lb_subsets_fallback"},
    {"lb_subsets_fallback_panic"},
    // Pool limits and further connect attempts do not exist in this build: those two stay 0, truly.
    {"upstream_cx_http2_total"},
    {"upstream_cx_pool_overflow"},
    {"upstream_cx_close_notify"},
    {"upstream_cx_connect_attempts_exceeded"},
    {"upstream_cx_rx_bytes_buffered", kGauge},
    {"upstream_cx_tx_bytes_buffered", kGauge},
    {"bind_errors"},
    {"original_dst_host_invalid"},
    {"upstream_internal_redirect_succeeded_total"},
    {"upstream_internal_redirect_failed_total"},
    {"upstream_rq_per_try_idle_timeout"},
    {"upstream_rq_retry_backoff_ratelimited"},
    {"assignment_stale"},
    {"assignment_timeout_received"},
    {"circuit_breakers.default.cx_open", kGauge},
    {"circuit_breakers.default.rq_pending_open", kGauge},
    {"circuit_breakers.default.rq_open", kGauge},
    {"circuit_breakers.default.rq_retry_open", kGauge},
    {"circuit_breakers.high.cx_open", kGauge},
    {"circuit_breakers.high.rq_pending_open", kGauge},
    {"circuit_breakers.high.rq_open", kGauge},
    {"circuit_breakers.high.rq_retry_open", kGauge},
};
static_assert(std::size(kClusterStatDefs) == kClusterStatCount);

constexpr StatDef kOriginStatDefs[] = {
    {"upstream_rq_completed"},
    {"upstream_rq_1xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "1"},
    {"upstream_rq_2xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "2"},
    {"upstream_rq_3xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "3"},
    {"upstream_rq_4xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "4"},
    {"upstream_rq_5xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "5"},
    {"upstream_rq_time", kHistogram},
};

constexpr StatDef kRemainingStatDefs[] = {
    {"remaining_cx", kGauge},
    {"remaining_pending", kGauge},
    {"remaining_rq", kGauge},
    {"remaining_retries", kGauge},
};
static_assert(std::size(kRemainingStatDefs) == kRemainingStatCount);

constexpr StatDef kRingStatDefs[] = {
    {"min_hashes_per_host", kGauge}, {"max_hashes_per_host", kGauge}, {"size", kGauge}};
constexpr StatDef kMaglevStatDefs[] = {
    {"min_entries_per_host", kGauge}, {"max_entries_per_host", kGauge}, {"size", kGauge}};
static_assert(std::size(kRingStatDefs) == kTableStatCount && std::size(kMaglevStatDefs) == kTableStatCount);

}  // namespace

StatSchema cluster_stat_schema() { return kClusterStatDefs; }
StatSchema remaining_stat_schema() { return kRemainingStatDefs; }
StatSchema origin_stat_schema() { return kOriginStatDefs; }
StatSchema table_stat_schema(bool maglev) { return maglev ? kMaglevStatDefs : kRingStatDefs; }

ScopeName cluster_scope_name(std::string_view stat_name) {
  const std::string name(stat_name);
  return {"cluster." + name + ".", "envoy_cluster_", {{"envoy_cluster_name", name}}, "upstream_rq_"};
}

ScopeName origin_scope_name(std::string_view stat_name, bool internal) {
  const std::string name(stat_name);
  const std::string origin = internal ? "internal" : "external";
  return {"cluster." + name + "." + origin + ".",
          "envoy_cluster_" + origin + "_",
          {{"envoy_cluster_name", name}},
          "upstream_rq_"};
}

ScopeName table_scope_name(std::string_view stat_name, bool maglev) {
  const std::string name(stat_name);
  const std::string table = maglev ? "maglev_lb" : "ring_hash_lb";
  return {"cluster." + name + "." + table + ".",
          "envoy_cluster_" + table + "_",
          {{"envoy_cluster_name", name}},
          {}};
}

ScopeName remaining_scope_name(std::string_view stat_name, std::string_view priority) {
  const std::string name(stat_name);
  const std::string level(priority);
  return {"cluster." + name + ".circuit_breakers." + level + ".",
          "envoy_cluster_circuit_breakers_" + level + "_",
          {{"envoy_cluster_name", name}},
          {}};
}

}  // namespace remora
