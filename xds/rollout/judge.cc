#include "rollout/judge.h"

#include <cstdio>

#include "rollout/sequential_test.h"

namespace remora::rollout {
namespace {

std::string short_number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string result = text;
  while (result.ends_with('0')) result.pop_back();
  if (result.ends_with('.')) result.pop_back();
  return result;
}

std::string described(const istio::CanaryMetric& metric, double value) {
  if (metric.is_success_rate()) return "success rate " + short_number(value) + "%";
  if (metric.is_duration()) return "request duration " + short_number(value) + "ms";
  return metric.name + ' ' + short_number(value);
}

/// Ranges as they are given; the legacy threshold is a floor for the success rate and a ceiling for the rest.
istio::ThresholdRange range_of(const istio::CanaryMetric& metric) {
  if (metric.has_range || metric.compare) return metric.range;
  istio::ThresholdRange range;
  (metric.is_success_rate() ? range.min : range.max) = metric.threshold;
  return range;
}

Check no_data(const istio::CanaryMetric& metric, const std::string& target, Check check) {
  check.outcome = metric.no_data_inconclusive ? Outcome::kInconclusive : Outcome::kFail;
  check.text = "no values found for metric " + metric.name;
  if (metric.builtin()) check.text += ", probably " + target + " is not receiving traffic";
  return check;
}

void apply_range(const std::string& text, Check& check) {
  check.text = text;
  if (check.min && *check.value < *check.min) {
    check.outcome = Outcome::kFail;
    check.text += " < " + short_number(*check.min);
  } else if (check.max && *check.value > *check.max) {
    check.outcome = Outcome::kFail;
    check.text += " > " + short_number(*check.max);
  }
}

void apply_verdict(const ComparisonResult& result, Check& check) {
  check.text += result.text;
  if (result.verdict == Verdict::kWorse) check.outcome = Outcome::kFail;
  if (result.verdict == Verdict::kInconclusive) check.outcome = Outcome::kInconclusive;
}

void compare(bool latency, const ComparedTraffic& traffic, const ComparisonOptions& options, Check& check) {
  if (latency && !traffic.slow_bound_ms) {
    check.outcome = Outcome::kInconclusive;
    check.text += "there is no traffic of the primary yet to tell what is slow";
    return;
  }
  const RateCounts canary =
      latency ? slower_than(traffic.canary, *traffic.slow_bound_ms) : failures_of(traffic.canary);
  const RateCounts primary =
      latency ? slower_than(traffic.primary, *traffic.slow_bound_ms) : failures_of(traffic.primary);
  apply_verdict(compare_rates(canary, primary, options), check);
  if (latency) check.text += " (slow: over " + short_number(*traffic.slow_bound_ms) + "ms)";
}

}  // namespace

Check judge_metric(const istio::CanaryMetric& metric, const Measurement& measured,
                   const std::string& target) {
  const istio::ThresholdRange range = range_of(metric);
  Check check{.name = metric.name, .kind = "metric", .min = range.min, .max = range.max};
  check.samples = measured.samples;
  if (!measured.value.ok()) {
    check.outcome = Outcome::kError;
    check.text = "query failed: " + measured.value.error().message;
    return check;
  }
  check.value = *measured.value;
  if (measured.samples && *measured.samples > 0 && *measured.samples < metric.min_samples) {
    check.outcome = Outcome::kInconclusive;
    check.text = std::to_string(*measured.samples) + " requests are fewer than minSamples " +
                 std::to_string(metric.min_samples);
    return check;
  }
  if (!check.value) {
    Check missing = no_data(metric, target, check);
    if (metric.min_samples > 0) missing.outcome = Outcome::kInconclusive;
    if (measured.listening_since_short) {
      missing.outcome = Outcome::kInconclusive;
      missing.text = "no values yet: remora-control has just been started";
    }
    return missing;
  }
  apply_range(described(metric, *check.value), check);
  if (metric.compare && measured.compared && check.outcome == Outcome::kPass) {
    check.text += "; ";
    compare(metric.is_duration(), *measured.compared, {metric.compare->error_rate, metric.compare->margin},
            check);
  }
  return check;
}

Check judge_mirror(bool latency, const ComparedTraffic& compared) {
  Check check{.name = latency ? "mirror-latency" : "mirror-status", .kind = "metric"};
  check.samples = compared.canary.requests;
  compare(latency, compared, {}, check);
  return check;
}

}  // namespace remora::rollout
