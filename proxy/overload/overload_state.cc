#include "overload/overload_state.h"

#include <algorithm>
#include <utility>

namespace remora {

OverloadState::OverloadState(const OverloadSettings& settings) : reduced_(settings.reduced) {}

void OverloadState::count_in(OverloadMeasure point, std::shared_ptr<StatScope> scope, size_t stat) {
  counters_[place(point)] = {std::move(scope), stat};
}

bool OverloadState::drawn(double state, Random& random) {
  return static_cast<double>(random.next() >> 11) * 0x1p-53 < state;
}

void OverloadState::count(OverloadMeasure point, size_t shard) const {
  const Counter& counter = counters_[place(point)];
  if (counter.scope != nullptr) counter.scope->block(shard).add(counter.stat);
}

Milliseconds OverloadState::timeout(ScaledTimeout which, Milliseconds usual) const {
  const auto& least = reduced_[static_cast<size_t>(which)];
  const double state = least ? of(OverloadMeasure::kReduceTimeouts) : 0;
  if (state <= 0) return usual;
  const auto whole = static_cast<double>(usual.count());
  const double shortest = least->time ? static_cast<double>(least->time->count()) : whole * least->part;
  if (shortest >= whole) return usual;
  // Not to 0 ms, which would be for ever.
  return std::max(Milliseconds(1), Milliseconds(static_cast<int64_t>(whole - (whole - shortest) * state)));
}

}  // namespace remora
