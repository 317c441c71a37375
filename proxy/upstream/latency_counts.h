#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "upstream/owned_count.h"

namespace remora {

/// How many answers took how long: sixteen ranges for each doubling, from 64 us to about a minute; less and
/// more count in the first and the last.
struct LatencyRanges {
  static constexpr unsigned kFirstDoubling = 6;
  static constexpr unsigned kDoublings = 20;
  static constexpr unsigned kParts = 16;
  static constexpr size_t kCount = kDoublings * kParts;
  using Sums = std::array<uint64_t, kCount>;

  static constexpr size_t range_of(std::chrono::nanoseconds time) {
    const auto us = static_cast<uint64_t>(time.count() < 0 ? 0 : time.count() / 1000);
    if (us < (uint64_t{1} << kFirstDoubling)) return 0;
    const auto doubling = static_cast<unsigned>(std::bit_width(us)) - 1;
    if (doubling >= kFirstDoubling + kDoublings) return kCount - 1;
    const auto part = (us >> (doubling - 4)) & (kParts - 1);
    return (doubling - kFirstDoubling) * kParts + part;
  }
  /// Milliseconds at which a range begins.
  static constexpr double start_of(size_t range) {
    const auto doubling = static_cast<uint64_t>(1) << (kFirstDoubling + range / kParts);
    return static_cast<double>(doubling) * (1.0 + static_cast<double>(range % kParts) / kParts) / 1000.0;
  }
};

/// Of one host on one worker, who alone writes; the main thread reads.
class LatencyCounts {
 public:
  void add(std::chrono::nanoseconds time) { counts_[LatencyRanges::range_of(time)].add(); }
  void add_to(LatencyRanges::Sums& sums) const {
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += counts_[i].get();
  }

 private:
  std::array<OwnedCount, LatencyRanges::kCount> counts_;
};

}  // namespace remora
