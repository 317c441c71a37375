#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "remora/config/overload.h"
#include "remora/core/random.h"
#include "remora/core/stats.h"

namespace remora {

/// How much of each measure is to be taken now: written by the overload manager on the main thread, read by
/// workers wherever a measure is taken. It changes once a refresh at the most, so that its lines stay in
/// every core's cache.
class OverloadState {
 public:
  /// `settings` are only read here.
  explicit OverloadState(const OverloadSettings& settings);

  // Main thread.
  void set(OverloadMeasure measure, double state) {
    states_[place(measure)].store(state, std::memory_order_relaxed);
  }
  /// Where what a load shed point turns away is counted. Before any worker reads.
  void count_in(OverloadMeasure point, std::shared_ptr<StatScope> scope, size_t stat);

  // Any thread.
  /// 0 .. 1
  [[nodiscard]] double of(OverloadMeasure measure) const {
    return states_[place(measure)].load(std::memory_order_relaxed);
  }
  /// The measure is taken in full.
  [[nodiscard]] bool saturated(OverloadMeasure measure) const { return of(measure) >= 1; }
  /// Whether it befalls this one: by chance where it is taken in part.
  [[nodiscard]] bool befalls(OverloadMeasure measure, Random& random) const {
    const double state = of(measure);
    return state > 0 && (state >= 1 || drawn(state, random));
  }
  /// The same for a load shed point, and counted for the worker of `shard`.
  [[nodiscard]] bool sheds(OverloadMeasure point, Random& random, size_t shard) const {
    if (!befalls(point, random)) return false;
    count(point, shard);
    return true;
  }
  /// How long to wait where usually it is `usual`; 0, for ever, stays so.
  [[nodiscard]] Milliseconds timeout(ScaledTimeout which, Milliseconds usual) const;

 private:
  struct Counter {
    std::shared_ptr<StatScope> scope;
    size_t stat = 0;
  };
  static size_t place(OverloadMeasure measure) { return static_cast<size_t>(measure); }
  static bool drawn(double state, Random& random);
  void count(OverloadMeasure point, size_t shard) const;

  alignas(64) std::array<std::atomic<double>, kOverloadMeasures> states_{};
  alignas(64) std::array<Counter, kOverloadMeasures> counters_;
  std::array<std::optional<LeastTimeout>, kScaledTimeouts> reduced_;
};

}  // namespace remora
