#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "adaptive_concurrency/limit_policy.h"
#include "remora/core/stats.h"

namespace remora::filters {

/// Lets so many requests in at once as its policy says, over all workers, and tells the policy how long they
/// took. Workers admit and release without a lock; each keeps its samples to itself, in a histogram, until a
/// window ends: by its time in tick(), which one worker calls, or by the number of its samples at whoever
/// brings the last one. Thread-safe.
class ConcurrencyController {
 public:
  struct Settings {
    Milliseconds update_interval{100};
    double quantile = 0.5;  ///< of a window's samples that stands for them all, 0 .. 1
  };

  ConcurrencyController(const Settings& settings, std::unique_ptr<LimitPolicy> policy, size_t shards);

  /// False: the limit is reached. Else the request is released once.
  bool admit();
  void release() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  /// The same, and what the request took from `begun` to `now` counts. `shard`: the caller's.
  void release(size_t shard, MonotonicTime begun, MonotonicTime now);

  /// True for the first who asks: it is to call tick().
  bool take_clock() { return !clock_taken_.exchange(true, std::memory_order_relaxed); }
  /// Ends what has to end by now; the time until it wants to be called again.
  Milliseconds tick(MonotonicTime now);
  [[nodiscard]] LimitGauges gauges();

 private:
  void end_counted_window(MonotonicTime now);
  void close_window(MonotonicTime now);
  void follow_policy();

  const Settings settings_;
  std::atomic<uint32_t> in_flight_{0};
  std::atomic<uint32_t> most_in_flight_{0};  // in the window
  std::atomic<uint32_t> limit_{0};
  std::atomic<uint32_t> samples_wanted_{0};  // 0: the window ends by its time
  std::atomic<uint32_t> samples_seen_{0};
  std::atomic<MonotonicTime::rep> count_from_{0};  // requests that began before are no samples
  std::atomic<bool> clock_taken_{false};
  StatScope samples_;  // one histogram, never shown: only ever grows

  std::mutex mutex_;  // for what follows; requests only ever try to take it
  std::unique_ptr<LimitPolicy> policy_;
  HistogramSnapshot counted_;  // samples of windows that are over
  MonotonicTime window_ends_{};
};

}  // namespace remora::filters
