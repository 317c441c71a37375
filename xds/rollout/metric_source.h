#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "remora/core/result.h"

namespace remora::rollout {

/// Which instances of a service a measurement is about. Metrics name workloads; without Kubernetes it is the
/// version label that tells one revision from the other.
struct WorkloadSelection {
  std::string ns;
  std::string app;                     ///< the label "app" (canonical service)
  std::string version;                 ///< the label "version"; empty: any
  std::vector<std::string> workloads;  ///< their names (destination_workload), where known
};

/// What one window of time holds of one selection.
struct TrafficWindow {
  uint64_t requests = 0;
  uint64_t failures = 0;  ///< response_code 5xx
  /// Cumulative over `bounds_ms`, as Prometheus' histogram buckets; the last is +Inf.
  std::vector<double> bounds_ms;
  std::vector<uint64_t> cumulative;
  std::chrono::milliseconds covered{0};  ///< how much of the asked window there are reports for
};

/// Percent of requests that were no 5xx; nothing where there was no request.
std::optional<double> success_rate(const TrafficWindow& window);
/// As histogram_quantile() in Prometheus computes it; nothing where there was no request.
std::optional<double> quantile_ms(const TrafficWindow& window, double quantile);

/// Traffic as the proxies report it to the control plane. Control thread only.
class TrafficSource {
 public:
  virtual ~TrafficSource() = default;
  /// The window that ends now. Inbound proxies' reports count (reporter="destination"); where no inbound
  /// proxy reports about the selection, those of the callers do.
  virtual TrafficWindow window(const WorkloadSelection& selection,
                               std::chrono::milliseconds length) const = 0;
};

/// A metric's value at a moment: nothing means that there are no values (no traffic).
using MetricValue = Result<std::optional<double>>;

/// A metrics provider that is asked over the network (a Prometheus server).
class MetricProvider {
 public:
  virtual ~MetricProvider() = default;
  /// Calls back once on the control thread. Dropping the handle gives up without a callback.
  virtual std::shared_ptr<void> query(const std::string& query, std::function<void(MetricValue)> done) = 0;
};

}  // namespace remora::rollout
