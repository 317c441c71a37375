#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>

#include "telemetry/report.h"

namespace remora::telemetry {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using Milliseconds = std::chrono::milliseconds;

/// What was reported for a stretch of time: everything that happened in (from, to].
struct Slot {
  Time from;
  Time to;
  Tally tally;
};

/// The recent traffic of one series: reports by the second for five minutes, then by ten seconds for an hour.
/// Slots without a request do not exist. At most about 70 KB.
class TrafficSeries {
 public:
  static constexpr Milliseconds kFine{1000};
  static constexpr Milliseconds kFineKept{320'000};
  static constexpr Milliseconds kCoarse{10'000};
  static constexpr Milliseconds kKept{3'600'000};

  /// Times of `to` never go back.
  void add(Time from, Time to, const Tally& tally);
  /// Lets go of what is too old.
  void expire(Time now);
  bool empty() const { return fine_.empty() && coarse_.empty(); }

  /// Calls visit(slot) for each slot that ends after `since`, oldest first.
  template <typename Visit>
  void each_since(Time since, Visit visit) const {
    for (const auto* slots : {&coarse_, &fine_}) {
      for (const Slot& slot : *slots) {
        if (slot.to > since) visit(slot);
      }
    }
  }

 private:
  static void append(std::deque<Slot>& slots, Milliseconds width, const Slot& slot);

  std::deque<Slot> fine_;
  std::deque<Slot> coarse_;
};

/// Wider counts, and quantities that need not be whole: of a window, or of a point of a chart.
struct Totals {
  double requests = 0;
  double failures = 0;
  std::array<double, kBoundsMs.size()> slower{};
  void add(const Tally& tally, double share = 1);
};

/// The share of a slot that lies between two moments: for what one wants to see as a rate. (Comparisons ask
/// for whole slots instead: TrafficStore::window.)
double share_between(const Slot& slot, Time from, Time to);

}  // namespace remora::telemetry
