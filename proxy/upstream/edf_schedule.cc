#include "upstream/edf_schedule.h"

#include <algorithm>

namespace remora {

void EdfSchedule::add(uint32_t entry, double weight, Random& random) {
  constexpr double kUnit = 0x1p-53;
  const double phase = static_cast<double>(random.next() >> 11) * kUnit;  // [0, 1)
  heap_.push_back({phase / weight, order_++, entry});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void EdfSchedule::reschedule_first(double weight) {
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Item& item = heap_.back();
  item.deadline += 1.0 / weight;
  item.order = order_++;
  std::push_heap(heap_.begin(), heap_.end(), later);
}

}  // namespace remora
