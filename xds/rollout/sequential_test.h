#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rollout/metric_source.h"

namespace remora::rollout {

/// How many requests there were, and how many of them had the property that is compared (failed, slow).
struct RateCounts {
  uint64_t requests = 0;
  uint64_t hits = 0;
};

struct ComparisonOptions {
  /// The chance that a canary which is not worse is ever called worse, over the whole analysis and however
  /// often one looks; and the same for the opposite mistake. Share it out where several metrics are compared.
  double alpha = 0.05;
  /// How much the canary's rate may exceed the primary's (0.01: one percentage point).
  double margin = 0.01;
};

enum class Verdict { kInconclusive, kWorse, kNotWorse };

std::string_view to_string(Verdict verdict);  ///< "inconclusive", "worse", "not worse"

struct ComparisonResult {
  Verdict verdict = Verdict::kInconclusive;
  double canary_rate = 0;  ///< share of hits, 0..1
  double primary_rate = 0;
  double p_worse = 1;      ///< always-valid p-value of "not worse": at or below alpha the canary is worse
  double p_not_worse = 1;  ///< of "worse"
  std::string text;        ///< one sentence with the numbers
};

/// Compares two rates that were counted over the same time. `canary` and `primary` are all requests since the
/// comparison began, not only those of the last tick: call it after every tick with the growing counts.
///
/// Each rate has a mixture martingale (the likelihood of what was seen under a Beta(1/2, 1/2) mixture over
/// its likelihood under a rate p). Their product at the true rates exceeds 1/alpha with a chance of at most
/// alpha, at whatever moment one looks (Ville). So the smallest product over all pairs of rates with
/// canary <= primary + margin is evidence against all of them at once. Nothing is approximated; what it
/// presumes is that requests fail independently of one another.
ComparisonResult compare_rates(RateCounts canary, RateCounts primary, const ComparisonOptions& options);

/// Requests and 5xx answers of a window.
RateCounts failures_of(const TrafficWindow& window);
/// Requests, and those that took longer than `bound_ms`, which is one of the window's bounds.
RateCounts slower_than(const TrafficWindow& window, double bound_ms);
/// The smallest bucket bound at or above the quantile: what latency is to be compared by. Take it once, from
/// the primary's traffic before the comparison begins, and keep it: a bound that follows the data would void
/// alpha. Nothing where there was no request, or the quantile lies above the last bound.
std::optional<double> slow_bound_ms(const TrafficWindow& primary, double quantile);

}  // namespace remora::rollout
