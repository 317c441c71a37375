#include "upstream/latency_picker.h"

namespace remora {
namespace {

/// Of some drawn hosts the one whose response time, multiplied by its requests with this one, is the least.
/// Source: Finagle and linkerd, Peak EWMA.
class PeakEwma final : public LatencyPicker {
 public:
  using LatencyPicker::LatencyPicker;

  const Host* pick(const HostChoices& choices) override {
    if (choices.hosts.size() == 1) return choices.hosts.front();
    Drawn drawn;
    const Host* best = nullptr;
    double least = 0;
    for (const Candidate& candidate : draw(choices, drawn)) {
      const double cost = latency(*candidate.host) * load(candidate);
      if (best == nullptr || cost < least) {
        best = candidate.host;
        least = cost;
      }
    }
    return best;
  }
};

}  // namespace

std::unique_ptr<HostPicker> make_peak_ewma(const ClusterConfig& config, const PickerContext& context) {
  return std::make_unique<PeakEwma>(config, context);
}

}  // namespace remora
