#pragma once

#include "remora/core/clock.h"

namespace remora::test {

/// A clock that a test moves.
class HandClock final : public Clock {
 public:
  HandClock() { now_ = MonotonicTime{} + std::chrono::hours(1); }
  void refresh() override {}
  void advance(MonotonicTime::duration by) { now_ += by; }
};

}  // namespace remora::test
