#pragma once

#include <cstdint>
#include <memory>

#include "adaptive_concurrency/limit_policy.h"
#include "common/proto_config.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// remora.http_filters.v1.Gradient2.
struct Gradient2Settings {
  uint32_t initial_limit = 20;
  uint32_t min_limit = 3;
  uint32_t max_limit = 1000;
  double tolerance = 1.5;  ///< so many times the usual time is still as usual; at least 1
  double smoothing = 0.2;  ///< how much of a change is made at once, above 0, at most 1
  Milliseconds short_decay{500};
  Milliseconds long_decay{60000};
  Milliseconds update_interval{100};  ///< how long a window is
};

/// A limit without probing: it compares what requests take now with what they usually take, two averages that
/// fade with short_decay and long_decay, and shrinks when the one is more than `tolerance` times the other.
/// Source: the rule of Gradient2 in Netflix' concurrency-limits; but while the limit is reached, waiting is
/// of our own making and does not become usual, unless so few are under way that nothing can wait.
class Gradient2 final : public LimitPolicy {
 public:
  explicit Gradient2(const Gradient2Settings& settings);

  [[nodiscard]] uint32_t limit() const override { return static_cast<uint32_t>(limit_); }
  [[nodiscard]] uint32_t samples_wanted() const override { return 0; }
  void end_window(const Window& window, MonotonicTime now) override;
  /// min_rtt is the long average here, sample_rtt the short one.
  [[nodiscard]] LimitGauges gauges() const override;

 private:
  void average(const Window& window, MonotonicTime now);
  [[nodiscard]] double long_weight(MonotonicTime::duration age, const Window& window) const;

  const Gradient2Settings settings_;
  double limit_;
  double short_rtt_ = 0;  // microseconds; 0: nothing has been measured
  double long_rtt_ = 0;
  double gradient_ = 0;
  double headroom_ = 0;
  MonotonicTime measured_at_{};
};

/// The Struct -> factory of the filter adaptive_concurrency with this policy (config.cc).
std::shared_ptr<const FilterFactory> make_gradient2(const FilterSource& source,
                                                    const FilterFactoryContext& context,
                                                    ConfigReport& report);

}  // namespace remora::filters
