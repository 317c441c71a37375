#include <cmath>

#include "upstream/latency_picker.h"

namespace remora {
namespace {

/// Above which load a host is hot: a quantile of the loads that were met of late.
class HotLine {
 public:
  explicit HotLine(double quantile) : quantile_(quantile) { met_.fill(1); }

  [[nodiscard]] double value() const { return value_; }
  void meet(double load) {
    met_[next_] = static_cast<float>(load);
    next_ = (next_ + 1) % met_.size();
    if (next_ % kEvery == 0) refresh();
  }

 private:
  static constexpr size_t kEvery = 64;

  void refresh() {
    auto sorted = met_;
    const auto place = static_cast<size_t>(std::floor(quantile_ * (sorted.size() - 1)));
    std::nth_element(sorted.begin(), sorted.begin() + place, sorted.end());
    value_ = sorted[place];
  }

  double quantile_;
  std::array<float, 256> met_{};
  size_t next_ = 0;
  double value_ = 1;
};

/// Hot and cold hosts: of the drawn ones that are cold the one with the shortest response time; where all are
/// hot, the one with the least load. What is known comes from the responses themselves, so there are no
/// probes. Source: Wydrowski et al., "Load is not what you should balance: Introducing Prequal", NSDI 2024.
class Prequal final : public LatencyPicker {
 public:
  Prequal(const ClusterConfig& config, const PickerContext& context)
      : LatencyPicker(config, context),
        line_(settings().hot_quantile) {}

  const Host* pick(const HostChoices& choices) override {
    if (choices.hosts.size() == 1) return choices.hosts.front();
    Drawn drawn;
    const Host* cold = nullptr;
    const Host* idlest = nullptr;
    double shortest = 0;
    double least = 0;
    for (const Candidate& candidate : draw(choices, drawn)) {
      const Host* host = candidate.host;
      const double load = this->load(candidate);
      const bool hot = load > line_.value();
      line_.meet(load);
      if (idlest == nullptr || load < least) {
        idlest = host;
        least = load;
      }
      if (hot) continue;
      if (const double time = latency(*host); cold == nullptr || time < shortest) {
        cold = host;
        shortest = time;
      }
    }
    return cold != nullptr ? cold : idlest;
  }

 private:
  HotLine line_;
};

}  // namespace

std::unique_ptr<HostPicker> make_prequal(const ClusterConfig& config, const PickerContext& context) {
  return std::make_unique<Prequal>(config, context);
}

}  // namespace remora
