#pragma once

#include <algorithm>

#include "remora/core/clock.h"

namespace remora::xds {

/// One token a second, at most `burst` saved up.
class TokenBucket {
 public:
  explicit TokenBucket(double burst) : burst_(burst), tokens_(burst) {}

  bool take(MonotonicTime now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    if (last_ != MonotonicTime{}) tokens_ = std::min(burst_, tokens_ + std::max(seconds, 0.0));
    last_ = now;
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  /// When there will be one.
  [[nodiscard]] MonotonicTime next() const {
    const double missing = std::max(1 - tokens_, 0.0);
    return last_ +
           std::chrono::duration_cast<MonotonicTime::duration>(std::chrono::duration<double>(missing));
  }

 private:
  double burst_;
  double tokens_;
  MonotonicTime last_{};
};

}  // namespace remora::xds
