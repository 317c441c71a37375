#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "remora/config/balancer.h"
#include "upstream/edf_schedule.h"
#include "upstream/host_picker.h"

namespace remora {

/// What round_robin and least_request have in common: hosts of different weights, and those in slow start,
/// take turns by earliest deadline first. Source: Envoy, weighted round robin and slow start.
class WeightedPicker : public HostPicker {
 public:
  WeightedPicker(const ClusterConfig& config, const PickerContext& context);
  void adopt(size_t lists) override;
  const Host* pick(const HostChoices& choices) override;

 protected:
  /// Among several hosts of equal weight.
  virtual const Host* pick_equal(const HostChoices& choices) = 0;
  /// A host's weight at this moment, slow start aside.
  [[nodiscard]] virtual double weight_of(const Host& host) const = 0;
  [[nodiscard]] const PickerContext& context() const { return context_; }

 private:
  [[nodiscard]] double weight_now(const Host& host, bool slow) const;

  PickerContext context_;
  std::optional<SlowStart> slow_start_;
  std::vector<std::unique_ptr<EdfSchedule>> schedules_;  // by HostChoices::id; null until one is needed
};

/// The share of its weight that a host has which has been there for `age`: from 0 to 1.
double slow_start_factor(const SlowStart& settings, MonotonicTime::duration age);

}  // namespace remora
