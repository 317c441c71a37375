#include <algorithm>

#include "translate/cluster.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using envoy::config::cluster::v3::CircuitBreakers;
using google::protobuf::UInt32Value;

void take(bool present, const UInt32Value& value, uint32_t& out) {
  if (present) out = value.value();
}

Thresholds to_thresholds(const CircuitBreakers::Thresholds& source) {
  Thresholds out;
  take(source.has_max_connections(), source.max_connections(), out.max_connections);
  take(source.has_max_pending_requests(), source.max_pending_requests(), out.max_pending_requests);
  take(source.has_max_requests(), source.max_requests(), out.max_requests);
  take(source.has_max_retries(), source.max_retries(), out.max_retries);
  out.track_remaining = source.track_remaining();
  if (source.has_retry_budget()) {
    const auto& budget = source.retry_budget();
    out.retry_budget_percent = budget.has_budget_percent() ? budget.budget_percent().value() : 20;
    take(budget.has_min_retry_concurrency(), budget.min_retry_concurrency(), out.retry_budget_min);
  }
  return out;
}

}  // namespace

void set_circuit_breakers(const CircuitBreakers& breakers, Context& context, ClusterConfig& out) {
  // Of several entries for one priority the first counts, as in Envoy.
  bool seen[2] = {false, false};
  for (const auto& thresholds : breakers.thresholds()) {
    const bool high = thresholds.priority() == envoy::config::core::v3::HIGH;
    if (std::exchange(seen[high ? 1 : 0], true)) continue;
    if (high) out.high_priority = to_thresholds(thresholds);
    if (!high) out.default_priority = to_thresholds(thresholds);
  }
  for (int i = 0; i < breakers.per_host_thresholds_size(); ++i) {
    const auto scope = context.in("per_host_thresholds", i);
    const auto& thresholds = breakers.per_host_thresholds(i);
    if (thresholds.priority() != envoy::config::core::v3::DEFAULT)
      context.unsupported("priority", "a priority other than DEFAULT");
    if (thresholds.has_max_connections()) out.max_connections_per_host = thresholds.max_connections().value();
    if (thresholds.has_max_pending_requests() || thresholds.has_max_requests() ||
        thresholds.has_max_retries() || thresholds.has_retry_budget() || thresholds.track_remaining())
      context.error("only max_connections can be set for each host");
  }
}

OutlierDetection to_outlier_detection(const envoy::config::cluster::v3::OutlierDetection& source,
                                      Context& context) {
  OutlierDetection out;
#define REMORA_TAKE(field) take(source.has_##field(), source.field(), out.field)
  REMORA_TAKE(consecutive_5xx);
  REMORA_TAKE(consecutive_gateway_failure);
  REMORA_TAKE(consecutive_local_origin_failure);
  REMORA_TAKE(max_ejection_percent);
  REMORA_TAKE(enforcing_consecutive_5xx);
  REMORA_TAKE(enforcing_consecutive_gateway_failure);
  REMORA_TAKE(enforcing_consecutive_local_origin_failure);
  REMORA_TAKE(enforcing_success_rate);
  REMORA_TAKE(enforcing_local_origin_success_rate);
  REMORA_TAKE(success_rate_minimum_hosts);
  REMORA_TAKE(success_rate_request_volume);
  REMORA_TAKE(success_rate_stdev_factor);
  REMORA_TAKE(failure_percentage_threshold);
  REMORA_TAKE(enforcing_failure_percentage);
  REMORA_TAKE(enforcing_failure_percentage_local_origin);
  REMORA_TAKE(failure_percentage_minimum_hosts);
  REMORA_TAKE(failure_percentage_request_volume);
#undef REMORA_TAKE
  out.split_external_local_origin_errors = source.split_external_local_origin_errors();
  out.always_eject_one_host = source.always_eject_one_host().value();
  if (source.has_interval()) out.interval = to_milliseconds(source.interval(), "interval", context);
  if (source.has_base_ejection_time()) {
    out.base_ejection_time = to_milliseconds(source.base_ejection_time(), "base_ejection_time", context);
  }
  out.max_ejection_time = std::max(out.max_ejection_time, out.base_ejection_time);
  if (source.has_max_ejection_time()) {
    out.max_ejection_time = to_milliseconds(source.max_ejection_time(), "max_ejection_time", context);
    if (out.max_ejection_time < out.base_ejection_time) {
      context.error("max_ejection_time", "must not be below base_ejection_time");
    }
  }
  if (source.has_max_ejection_time_jitter()) {
    out.max_ejection_time_jitter =
        to_milliseconds(source.max_ejection_time_jitter(), "max_ejection_time_jitter", context);
  }
  return out;
}

}  // namespace remora::xds
