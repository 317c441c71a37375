#include <algorithm>
#include <cmath>

#include "upstream/weighted_picker.h"

namespace remora {
namespace {

/// The best of `choice_count` draws, or of all hosts; where weights differ, turns by
/// weight / (active + 1)^bias. Active requests are those of this worker.
class LeastRequest final : public WeightedPicker {
 public:
  LeastRequest(const ClusterConfig& config, const PickerContext& context)
      : WeightedPicker(config, context),
        choice_count_(std::max(2u, config.choice_count)),
        bias_(config.active_request_bias),
        full_scan_(config.balancer && config.balancer->full_scan) {}

 private:
  [[nodiscard]] uint64_t active(const Host& host) const {
    return host.state().stats(context().shard).rq_active.get();
  }

  const Host* pick_equal(const HostChoices& choices) override {
    return full_scan_ ? least_of_all(choices) : least_of_some(choices);
  }

  const Host* least_of_some(const HostChoices& choices) {
    const auto& hosts = choices.hosts;
    const Host* best = hosts[context().random.below(hosts.size())];
    uint64_t least = active(*best);
    for (uint32_t draw = 1; draw < choice_count_; ++draw) {
      const Host* other = hosts[context().random.below(hosts.size())];
      if (const uint64_t count = active(*other); count < least) {
        best = other;
        least = count;
      }
    }
    return best;
  }

  /// Each of those with the least is as likely as the others.
  const Host* least_of_all(const HostChoices& choices) {
    const Host* best = nullptr;
    uint64_t least = 0;
    uint64_t equal = 0;
    for (const Host* host : choices.hosts) {
      const uint64_t count = active(*host);
      if (best == nullptr || count < least) {
        best = host;
        least = count;
        equal = 1;
      } else if (count == least && context().random.below(++equal) == 0) {
        best = host;
      }
    }
    return best;
  }

  [[nodiscard]] double weight_of(const Host& host) const override {
    const double weight = host.weight();
    if (bias_ == 0) return weight;
    const auto load = static_cast<double>(active(host) + 1);
    return weight / (bias_ == 1 ? load : std::pow(load, bias_));
  }

  uint32_t choice_count_;
  double bias_;
  bool full_scan_;
};

}  // namespace

std::unique_ptr<HostPicker> make_least_request(const ClusterConfig& config, const PickerContext& context) {
  return std::make_unique<LeastRequest>(config, context);
}

}  // namespace remora
