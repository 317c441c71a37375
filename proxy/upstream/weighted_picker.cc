#include "upstream/weighted_picker.h"

#include <algorithm>
#include <cmath>

namespace remora {

double slow_start_factor(const SlowStart& settings, MonotonicTime::duration age) {
  if (age >= settings.window) return 1;
  const auto gone = std::max<MonotonicTime::duration>(age, Milliseconds(1));
  const double part = std::chrono::duration<double>(gone) / std::chrono::duration<double>(settings.window);
  const double grown = settings.aggression == 1 ? part : std::pow(part, 1 / settings.aggression);
  return std::max(grown, settings.min_weight_percent / 100);
}

WeightedPicker::WeightedPicker(const ClusterConfig& config, const PickerContext& context)
    : context_(context) {
  if (config.balancer) slow_start_ = config.balancer->slow_start;
}

/// Schedules start anew.
void WeightedPicker::adopt(size_t lists) {
  schedules_.clear();
  schedules_.resize(lists);
}

const Host* WeightedPicker::pick(const HostChoices& choices) {
  const auto& hosts = choices.hosts;
  if (hosts.size() == 1) return hosts.front();
  const bool slow = slow_start_ && context_.clock.now() < choices.slow_until;
  if (choices.equal_weights && !slow) return pick_equal(choices);
  auto& schedule = schedules_[choices.id];
  if (schedule == nullptr) {
    schedule = std::make_unique<EdfSchedule>(hosts.size());
    for (uint32_t i = 0; i < hosts.size(); ++i)
      schedule->add(i, weight_now(*hosts[i], slow) * choices.part(i), context_.random);
  }
  const uint32_t place = schedule->first();
  schedule->reschedule_first(weight_now(*hosts[place], slow) * choices.part(place));
  return hosts[place];
}

double WeightedPicker::weight_now(const Host& host, bool slow) const {
  const double weight = weight_of(host);
  if (!slow || host.health() != HostHealth::kHealthy) return weight;
  return weight * slow_start_factor(*slow_start_, context_.clock.now() - host.state().healthy_since());
}

}  // namespace remora
