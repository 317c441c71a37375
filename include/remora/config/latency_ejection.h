#pragma once

#include <cstdint>

#include "remora/core/clock.h"

namespace remora {

/// Ejects hosts that answer much slower than the others of their cluster: those of which a percentile of the
/// response times of one interval of outlier detection lies above `factor` times the median of that
/// percentile over the hosts. Ours; from a cluster's metadata (docs/outlier-detection.md). Time, return,
/// share of hosts that may be ejected and the rest are those of OutlierDetection.
struct LatencyEjection {
  double factor = 3;                // above 1
  double percentile = 95;           // above 0, below 100
  Milliseconds minimum_latency{0};  // who answers within this is never slow
  uint32_t minimum_hosts = 3;       // so many have to have `request_volume` answers, or nobody is judged
  uint32_t request_volume = 50;     // answers in one interval, or the host is not judged
  uint32_t enforcing = 100;         // percent of detections that eject
  bool operator==(const LatencyEjection&) const = default;
};

}  // namespace remora
