#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "remora/core/random.h"

namespace remora {

/// Earliest deadline first: whoever was due first is chosen and is due again 1/weight later, so that each
/// gets its share by weight as evenly spread as can be. O(log n) a choice, without allocation. Each entry
/// starts at a random point of its own period, so that many workers and proxies do not march in step. Source:
/// Envoy, weighted round robin.
class EdfSchedule {
 public:
  /// Room for `size` entries; add them all before the first pick.
  explicit EdfSchedule(size_t size) { heap_.reserve(size); }
  /// Forgets the entries; there is room as before.
  void clear() { heap_.clear(); }
  void add(uint32_t entry, double weight, Random& random);

  [[nodiscard]] uint32_t first() const { return heap_.front().entry; }
  /// The first entry has been chosen: it comes again after 1/weight.
  void reschedule_first(double weight);

 private:
  struct Item {
    double deadline;
    uint64_t order;  // first come, first served among equal deadlines
    uint32_t entry;
  };
  static bool later(const Item& a, const Item& b) {
    return a.deadline > b.deadline || (a.deadline == b.deadline && a.order > b.order);
  }

  std::vector<Item> heap_;
  uint64_t order_ = 0;
};

}  // namespace remora
