#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "rollout/decide.h"
#include "rollout/environment.h"
#include "rollout/judge.h"

namespace remora::rollout {

/// Whom the metrics of a tick are about.
struct MetricTargets {
  WorkloadSelection canary;
  WorkloadSelection primary;
};

WorkloadSelection selection_of(const Observation& seen, const std::string& app, const std::string& version);

/// The latency above which a request counts as slow in comparisons, by the primary's traffic of `length`.
std::optional<double> slow_bound(const TrafficSource* traffic, const WorkloadSelection& primary,
                                 std::chrono::milliseconds length);

/// Measures and judges all metrics of the canary's spec, at once; `done` is called once, not before this
/// returns. Dropping the handle gives up. The observation is only read before this returns.
std::shared_ptr<void> measure(const Environment& environment, const Observation& seen,
                              const MetricTargets& targets, std::function<void(std::vector<Check>)> done);

}  // namespace remora::rollout
