#pragma once

#include <cmath>

#include "remora/core/clock.h"

namespace remora {

/// How long a host takes to begin its answers: an average in which what lies `decay` back counts for 1/e. A
/// slower answer counts at once and in full, so that trouble shows with the first one; what nothing is heard
/// of gets better by and by, so that it is tried again. Not thread-safe. Source: Finagle, Peak EWMA.
class ResponseTime {
 public:
  using Duration = MonotonicTime::duration;

  void add(Duration sample, MonotonicTime now, Duration decay) {
    const auto value = static_cast<double>(sample.count());
    if (value > average_) {
      average_ = value;
    } else {
      const double kept = fading(now, decay);
      average_ = average_ * kept + value * (1 - kept);
    }
    at_ = now;
  }
  /// In ticks of Duration; 0 before the first answer.
  [[nodiscard]] double value(MonotonicTime now, Duration decay) const {
    return average_ == 0 ? 0 : average_ * fading(now, decay);
  }
  [[nodiscard]] bool known() const { return at_ != MonotonicTime{}; }

 private:
  [[nodiscard]] double fading(MonotonicTime now, Duration decay) const {
    return now <= at_ ? 1.0 : std::exp(-static_cast<double>((now - at_).count()) / decay.count());
  }

  double average_ = 0;
  MonotonicTime at_{};
};

}  // namespace remora
