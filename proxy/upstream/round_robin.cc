#include <algorithm>

#include "upstream/weighted_picker.h"

namespace remora {
namespace {

class RoundRobin final : public WeightedPicker {
 public:
  using WeightedPicker::WeightedPicker;

  /// Goes on where it was, as far as lists correspond; new lists begin anywhere.
  void adopt(size_t lists) override {
    WeightedPicker::adopt(lists);
    const size_t known = std::min(next_.size(), lists);
    next_.resize(lists);
    for (size_t i = known; i < lists; ++i) next_[i] = context().random.next() >> 32;
  }

 private:
  const Host* pick_equal(const HostChoices& choices) override {
    return choices.hosts[next_[choices.id]++ % choices.hosts.size()];
  }
  [[nodiscard]] double weight_of(const Host& host) const override { return host.weight(); }

  std::vector<uint64_t> next_;  // by HostChoices::id, before the modulus
};

}  // namespace

std::unique_ptr<HostPicker> make_round_robin(const ClusterConfig& config, const PickerContext& context) {
  return std::make_unique<RoundRobin>(config, context);
}

}  // namespace remora
