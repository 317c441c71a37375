#include "telemetry/traffic_series.h"

#include <algorithm>

namespace remora::telemetry {

void TrafficSeries::append(std::deque<Slot>& slots, Milliseconds width, const Slot& slot) {
  if (!slots.empty() && slots.back().to.time_since_epoch() / width == slot.to.time_since_epoch() / width) {
    slots.back().from = std::min(slots.back().from, slot.from);
    slots.back().to = std::max(slots.back().to, slot.to);
    slots.back().tally.add(slot.tally);
  } else {
    slots.push_back(slot);
  }
}

void TrafficSeries::add(Time from, Time to, const Tally& tally) {
  append(fine_, kFine, {from, to, tally});
  expire(to);
}

void TrafficSeries::expire(Time now) {
  while (!fine_.empty() && fine_.front().to + kFineKept < now) {
    append(coarse_, kCoarse, fine_.front());
    fine_.pop_front();
  }
  while (!coarse_.empty() && coarse_.front().to + kKept < now) coarse_.pop_front();
}

void Totals::add(const Tally& tally, double share) {
  requests += tally.requests * share;
  failures += tally.failures * share;
  for (size_t i = 0; i < slower.size(); ++i) slower[i] += tally.slower[i] * share;
}

double share_between(const Slot& slot, Time from, Time to) {
  using Seconds = std::chrono::duration<double>;
  const double whole = Seconds(slot.to - slot.from).count();
  if (whole <= 0) return slot.to > from && slot.to <= to ? 1 : 0;
  const double inside = Seconds(std::min(slot.to, to) - std::max(slot.from, from)).count();
  return std::clamp(inside / whole, 0.0, 1.0);
}

}  // namespace remora::telemetry
