#include "rollout/sequential_test.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace remora::rollout {
namespace {

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

/// x * log(p), where nothing times anything is nothing.
double times_log(double x, double p) { return x == 0 ? 0 : x * std::log(p); }

/// The logarithm of the mixture martingale of one rate: how much better a Beta(1/2, 1/2) mixture explains the
/// counts than the rate p does. Convex in p.
class Martingale {
 public:
  explicit Martingale(RateCounts counts)
      : hits_(static_cast<double>(std::min(counts.hits, counts.requests))),
        misses_(static_cast<double>(counts.requests) - hits_),
        mixture_(log_beta(hits_ + 0.5, misses_ + 0.5) - log_beta(0.5, 0.5)) {}

  double log_at(double p) const { return mixture_ - times_log(hits_, p) - times_log(misses_, 1 - p); }
  double rate() const { return hits_ + misses_ == 0 ? 0 : hits_ / (hits_ + misses_); }

 private:
  double hits_;
  double misses_;
  double mixture_;
};

/// The least evidence against any pair of rates with canary = primary + margin. The sum is convex, so thirds
/// find its smallest value.
double least_on_border(const Martingale& canary, const Martingale& primary, double margin) {
  double low = 0;
  double high = 1 - margin;
  const auto at = [&](double p) {
    const double value = canary.log_at(std::min(p + margin, 1.0)) + primary.log_at(p);
    return std::isnan(value) ? HUGE_VAL : value;
  };
  for (int i = 0; i < 100 && high - low > 1e-12; ++i) {
    const double left = low + (high - low) / 3;
    const double right = high - (high - low) / 3;
    (at(left) <= at(right) ? high : low) = at(left) <= at(right) ? right : left;
  }
  return at((low + high) / 2);
}

/// Evidence as a p-value that stays valid however often one looks.
double p_value(double log_evidence) { return std::min(1.0, std::exp(-log_evidence)); }

std::string describe(const ComparisonResult& result, RateCounts canary, RateCounts primary,
                     const ComparisonOptions& options) {
  char text[240];
  std::snprintf(text, sizeof text,
                "canary %.3g%% of %llu, primary %.3g%% of %llu, margin %.3g%%: %s (p %.2g worse, %.2g not "
                "worse; alpha %.3g)",
                result.canary_rate * 100, static_cast<unsigned long long>(canary.requests),
                result.primary_rate * 100, static_cast<unsigned long long>(primary.requests),
                options.margin * 100, std::string(to_string(result.verdict)).c_str(), result.p_worse,
                result.p_not_worse, options.alpha);
  return text;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kInconclusive: return "inconclusive";
    case Verdict::kWorse: return "worse";
    case Verdict::kNotWorse: return "not worse";
  }
  return "";
}

ComparisonResult compare_rates(RateCounts canary, RateCounts primary, const ComparisonOptions& options) {
  const Martingale of_canary(canary);
  const Martingale of_primary(primary);
  const double margin = std::clamp(options.margin, 0.0, 1.0);
  ComparisonResult out;
  out.canary_rate = of_canary.rate();
  out.primary_rate = of_primary.rate();
  // The rates that were seen lie on one side of the border: against that side there is no evidence, and
  // against the other one as much as against the border itself.
  const double p = p_value(least_on_border(of_canary, of_primary, margin));
  const bool looks_worse = out.canary_rate > out.primary_rate + margin;
  (looks_worse ? out.p_worse : out.p_not_worse) = p;
  if (p <= options.alpha && canary.requests > 0 && primary.requests > 0)
    out.verdict = looks_worse ? Verdict::kWorse : Verdict::kNotWorse;
  out.text = describe(out, canary, primary, options);
  return out;
}

RateCounts failures_of(const TrafficWindow& window) {
  return {window.requests, std::min(window.failures, window.requests)};
}

RateCounts slower_than(const TrafficWindow& window, double bound_ms) {
  if (window.cumulative.empty()) return {};
  const auto found = std::ranges::upper_bound(window.bounds_ms, bound_ms);
  const auto index = found - window.bounds_ms.begin();
  const uint64_t total = window.cumulative.back();
  const uint64_t fast = index == 0 ? 0 : window.cumulative[static_cast<size_t>(index) - 1];
  return {total, total - std::min(fast, total)};
}

std::optional<double> slow_bound_ms(const TrafficWindow& primary, double quantile) {
  if (primary.cumulative.empty() || primary.cumulative.back() == 0) return std::nullopt;
  const double rank = quantile * static_cast<double>(primary.cumulative.back());
  for (size_t i = 0; i + 1 < primary.cumulative.size(); ++i) {
    if (static_cast<double>(primary.cumulative[i]) >= rank) return primary.bounds_ms[i];
  }
  return std::nullopt;
}

}  // namespace remora::rollout
