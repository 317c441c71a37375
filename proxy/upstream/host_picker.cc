#include "upstream/host_picker.h"

#include <algorithm>

namespace remora {
namespace {

class RandomPicker final : public HostPicker {
 public:
  explicit RandomPicker(const PickerContext& context) : random_(context.random) {}
  const Host* pick(const HostChoices& choices) override {
    return choices
        .hosts[choices.parts ? draw_by_share(choices, random_) : random_.below(choices.hosts.size())];
  }

 private:
  Random& random_;
};

}  // namespace

size_t draw_by_share(const HostChoices& choices, Random& random) {
  const auto& until = choices.parts->shares_until;
  const double point = static_cast<double>(random.next() >> 11) * 0x1p-53 * until.back();
  const auto place = static_cast<size_t>(std::ranges::upper_bound(until, point) - until.begin());
  return std::min(place, until.size() - 1);
}

std::unique_ptr<HostPicker> make_random(const PickerContext& context) {
  return std::make_unique<RandomPicker>(context);
}

std::unique_ptr<HostPicker> make_picker(const ClusterConfig& config, const PickerContext& context) {
  switch (config.lb_policy) {
    case LbPolicy::kLeastRequest: return make_least_request(config, context);
    case LbPolicy::kPeakEwma: return make_peak_ewma(config, context);
    case LbPolicy::kPrequal: return make_prequal(config, context);
    case LbPolicy::kClientSideWeighted: return make_client_side_weighted(config, context);
    case LbPolicy::kRandom: return make_random(context);
    default: return make_round_robin(config, context);
  }
}

}  // namespace remora
