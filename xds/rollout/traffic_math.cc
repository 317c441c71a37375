#include <algorithm>
#include <cmath>

#include "rollout/metric_source.h"

namespace remora::rollout {

std::optional<double> success_rate(const TrafficWindow& window) {
  if (window.requests == 0) return std::nullopt;
  const uint64_t failures = std::min(window.failures, window.requests);
  return 100.0 * static_cast<double>(window.requests - failures) / static_cast<double>(window.requests);
}

std::optional<double> quantile_ms(const TrafficWindow& window, double quantile) {
  const auto& bounds = window.bounds_ms;
  const auto& counts = window.cumulative;
  if (bounds.size() < 2 || counts.size() != bounds.size() || counts.back() == 0) return std::nullopt;
  const double rank = std::clamp(quantile, 0.0, 1.0) * static_cast<double>(counts.back());
  size_t bucket = 0;
  while (bucket + 1 < counts.size() && static_cast<double>(counts[bucket]) < rank) ++bucket;
  // Nothing is known about how far the last bucket reaches: its lower bound is the answer.
  if (bucket + 1 == counts.size()) return bounds[bucket - 1];
  const double lower = bucket == 0 ? 0 : bounds[bucket - 1];
  const double below = bucket == 0 ? 0 : static_cast<double>(counts[bucket - 1]);
  const double here = static_cast<double>(counts[bucket]) - below;
  if (here <= 0) return lower;
  return lower + (bounds[bucket] - lower) * (rank - below) / here;
}

}  // namespace remora::rollout
