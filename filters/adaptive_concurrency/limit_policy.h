#pragma once

#include <chrono>
#include <cstdint>

#include "remora/core/clock.h"

namespace remora::filters {

/// What a policy shows of itself. Names, units and meaning are those of Envoy's statistics.
struct LimitGauges {
  uint64_t burst_queue_size = 0;
  uint64_t concurrency_limit = 0;
  uint64_t gradient = 0;  ///< times 1000
  uint64_t min_rtt_calculation_active = 0;
  uint64_t min_rtt_msecs = 0;
  uint64_t sample_rtt_msecs = 0;
};

/// How many requests may be under way at once, decided anew at the end of every window of measurement. One
/// thread at a time.
class LimitPolicy {
 public:
  using Microseconds = std::chrono::microseconds;

  /// A window that is over.
  struct Window {
    Microseconds rtt{0};        ///< the aggregate of what its requests took
    uint32_t most_at_once = 0;  ///< requests under way
  };

  virtual ~LimitPolicy() = default;
  /// At least 1.
  [[nodiscard]] virtual uint32_t limit() const = 0;
  /// How many samples end the window that is open; 0: it ends when its time is over.
  [[nodiscard]] virtual uint32_t samples_wanted() const = 0;
  /// That one is over, and there was a sample in it.
  virtual void end_window(const Window& window, MonotonicTime now) = 0;
  /// Time has passed. True: a new window begins, and what was measured before it is not to count.
  virtual bool begin_anew(MonotonicTime /*now*/) { return false; }
  [[nodiscard]] virtual LimitGauges gauges() const = 0;
};

}  // namespace remora::filters
