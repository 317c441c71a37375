#pragma once

#include <cstdint>
#include <optional>

#include "adaptive_concurrency/limit_policy.h"
#include "remora/core/random.h"

namespace remora::filters {

/// envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig, without what says how
/// samples are taken. Shares are 0 .. 1.
struct GradientSettings {
  uint32_t max_limit = 1000;
  uint32_t min_limit = 3;  ///< min_concurrency: also the limit while the minimum is measured
  std::optional<std::chrono::microseconds> fixed_min_rtt;  ///< instead of measuring one
  Milliseconds min_rtt_interval{0};
  uint32_t min_rtt_requests = 50;
  double jitter = 0.15;  ///< of the interval
  double buffer = 0.25;  ///< of the minimum
};

/// Envoy's gradient controller: now and then it measures, with few requests at once, how long one takes where
/// nothing waits (minRTT); the limit shrinks as requests take longer than that, and else grows by its own
/// square root. Source: Envoy, adaptive concurrency.
class Gradient final : public LimitPolicy {
 public:
  explicit Gradient(const GradientSettings& settings, Random random = Random());

  [[nodiscard]] uint32_t limit() const override { return limit_; }
  [[nodiscard]] uint32_t samples_wanted() const override {
    return measures_ ? settings_.min_rtt_requests : 0;
  }
  void end_window(const Window& window, MonotonicTime now) override;
  bool begin_anew(MonotonicTime now) override;
  [[nodiscard]] LimitGauges gauges() const override;

 private:
  void end_measurement(Microseconds rtt, MonotonicTime now);
  void set_limit(uint32_t limit);
  [[nodiscard]] Milliseconds next_interval();

  const GradientSettings settings_;
  Random random_;
  uint32_t limit_;
  uint32_t limit_before_;  // the measurement
  bool measures_;
  uint32_t times_at_least_ = 0;  // windows in a row that left the limit at its minimum
  MonotonicTime measure_at_{};
  Microseconds min_rtt_{0};
  Microseconds sample_rtt_{0};
  double gradient_ = 0;
  double headroom_ = 0;
};

}  // namespace remora::filters
