#include <algorithm>
#include <optional>

#include "upstream/edf_schedule.h"
#include "upstream/load_report.h"
#include "upstream/weighted_picker.h"

namespace remora {
namespace {

/// Turns by what hosts say of their load; those of whom nothing usable is known get the median. Source:
/// Envoy, client_side_weighted_round_robin; gRPC A58.
class ClientSideWeighted final : public HostPicker {
 public:
  ClientSideWeighted(const ClusterConfig& config, const PickerContext& context)
      : context_(context),
        settings_(config.balancer ? config.balancer->reported : ReportedWeights()) {
    if (config.balancer) slow_start_ = config.balancer->slow_start;
  }

  void adopt(size_t lists) override {
    lists_.clear();
    lists_.resize(lists);
  }

  const Host* pick(const HostChoices& choices) override {
    const auto& hosts = choices.hosts;
    if (hosts.size() == 1) return hosts.front();
    auto& list = lists_[choices.id];
    const auto now = context_.clock.now();
    if (list.weights.empty() || now >= list.next_update) update(list, choices, now);
    if (list.equal) return hosts[list.turn++ % hosts.size()];
    const uint32_t first = list.schedule->first();
    list.schedule->reschedule_first(list.weights[first]);
    return hosts[first];
  }

 private:
  /// One HostChoices.
  struct List {
    std::vector<double> weights;  // by place; empty: not known yet
    bool equal = true;
    uint64_t turn = 0;
    std::optional<EdfSchedule> schedule;  // set where weights differ
    MonotonicTime next_update{};
  };

  void update(List& list, const HostChoices& choices, MonotonicTime now) {
    if (list.weights.empty()) list.turn = context_.random.next() >> 32;
    list.next_update = now + settings_.update_period;
    scratch_.swap(list.weights);
    weigh(choices, now, list.weights);
    if (list.weights == scratch_) return;
    list.equal = std::ranges::adjacent_find(list.weights, std::not_equal_to<>()) == list.weights.end();
    if (list.equal) return;
    if (!list.schedule) list.schedule.emplace(list.weights.size());
    list.schedule->clear();
    for (uint32_t i = 0; i < list.weights.size(); ++i)
      list.schedule->add(i, list.weights[i], context_.random);
  }

  void weigh(const HostChoices& choices, MonotonicTime now, std::vector<double>& weights) {
    weights.clear();
    known_.clear();
    for (const Host* host : choices.hosts) {
      weights.push_back(reported(*host, now));
      if (weights.back() > 0) known_.push_back(weights.back());
    }
    double median = 1;
    if (!known_.empty()) {
      const auto middle = known_.begin() + static_cast<std::ptrdiff_t>(known_.size() / 2);
      std::nth_element(known_.begin(), middle, known_.end());
      median = *middle;
    }
    const bool slow = slow_start_ && now < choices.slow_until;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i] == 0) weights[i] = median;
      weights[i] *= choices.part(i);
      if (slow && choices.hosts[i]->health() == HostHealth::kHealthy)
        weights[i] *= slow_start_factor(*slow_start_, now - choices.hosts[i]->state().healthy_since());
    }
  }

  /// 0: nothing usable. After a long silence reports have to go on for a while again.
  [[nodiscard]] double reported(const Host& host, MonotonicTime now) const {
    auto& known = host.state().stats(context_.shard).reported;
    if (known == nullptr) return 0;
    if (now - known->last > settings_.expiration_period) {
      known.reset();
      return 0;
    }
    return now - known->since < settings_.blackout_period ? 0 : known->weight;
  }

  PickerContext context_;
  ReportedWeights settings_;
  std::optional<SlowStart> slow_start_;
  std::vector<List> lists_;  // by HostChoices::id
  std::vector<double> scratch_;
  std::vector<double> known_;
};

}  // namespace

std::unique_ptr<HostPicker> make_client_side_weighted(const ClusterConfig& config,
                                                      const PickerContext& context) {
  return std::make_unique<ClientSideWeighted>(config, context);
}

}  // namespace remora
