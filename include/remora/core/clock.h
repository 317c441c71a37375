#pragma once

#include <chrono>
#include <cstdint>

namespace remora {

/// Time that never jumps. All timers, timeouts and durations are measured on it.
using MonotonicTime = std::chrono::steady_clock::time_point;
/// Calendar time: access logs, dates and certificates only.
using WallTime = std::chrono::system_clock::time_point;
using Milliseconds = std::chrono::milliseconds;

/// A source of both times. A worker owns one and refreshes it once per turn of its event loop, so that
/// reading the time costs nothing and all events of a turn agree. Tests use a clock they move by hand.
class Clock {
 public:
  virtual ~Clock() = default;
  /// Reads the operating system's clocks; called by the event loop.
  virtual void refresh() = 0;

  [[nodiscard]] MonotonicTime now() const { return now_; }
  [[nodiscard]] WallTime wall() const { return wall_; }

 protected:
  MonotonicTime now_{};
  WallTime wall_{};
};

/// The operating system's clocks.
class SystemClock final : public Clock {
 public:
  SystemClock() { refresh(); }
  void refresh() override {
    now_ = std::chrono::steady_clock::now();
    wall_ = std::chrono::system_clock::now();
  }
};

/// Whole milliseconds from `from` to `to`, never negative: the unit of Envoy's durations in logs and
/// statistics.
inline uint64_t elapsed_ms(MonotonicTime from, MonotonicTime to) {
  return to <= from ? 0 : static_cast<uint64_t>(std::chrono::duration_cast<Milliseconds>(to - from).count());
}

}  // namespace remora
