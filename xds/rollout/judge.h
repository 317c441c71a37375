#pragma once

#include <optional>

#include "istio/model/canary.h"
#include "remora/core/result.h"
#include "rollout/check.h"
#include "rollout/metric_source.h"

namespace remora::rollout {

/// The canary and the primary since their comparison began.
struct ComparedTraffic {
  TrafficWindow canary;
  TrafficWindow primary;
  std::optional<double> slow_bound_ms;  ///< needed for request-duration
};

/// What was measured for one metric.
struct Measurement {
  MetricValue value = std::optional<double>();
  std::optional<uint64_t> samples;  ///< requests, where they are known
  std::optional<ComparedTraffic> compared;
  /// This process has not listened to the proxies for a whole window yet: that there is no value says
  /// nothing.
  bool listening_since_short = false;
};

/// What a measurement means for the metric's spec. `target` names the workload in texts. Pure.
Check judge_metric(const istio::CanaryMetric& metric, const Measurement& measured, const std::string& target);

/// The mirrored step's gate: the shadow's failures ("mirror-status") or slowness ("mirror-latency") beside
/// the primary's.
Check judge_mirror(bool latency, const ComparedTraffic& compared);

}  // namespace remora::rollout
