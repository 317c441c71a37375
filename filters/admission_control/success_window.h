#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "remora/core/clock.h"

namespace remora::filters {

/// How many requests have ended within a sliding window of time, and how many of them well. It moves in steps
/// of a second, or, where the window is longer than kMostSteps seconds, in that many steps: its memory is
/// bounded whatever the configuration asks for, and all of it is taken at the beginning. Not thread-safe.
/// Source: Envoy, admission control.
class SuccessWindow {
 public:
  static constexpr size_t kMostSteps = 1024;

  struct Counts {
    uint64_t requests = 0;
    uint64_t successes = 0;
  };

  explicit SuccessWindow(std::chrono::seconds length);

  void record(MonotonicTime now, bool success);
  [[nodiscard]] Counts counts(MonotonicTime now);
  /// Requests in a second, over the time since the oldest step began, and over one second at least.
  [[nodiscard]] uint64_t average_rps(MonotonicTime now);

 private:
  struct Step {
    MonotonicTime begun;
    Counts counts;
  };

  void forget_old(MonotonicTime now);
  Step& newest() { return steps_[(oldest_ + live_ - 1) % steps_.size()]; }

  const std::chrono::seconds length_;
  const std::chrono::seconds step_;
  std::vector<Step> steps_;  // a ring
  size_t oldest_ = 0;
  size_t live_ = 0;
  Counts all_;
};

}  // namespace remora::filters
