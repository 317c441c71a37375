#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "remora/config/balancer.h"
#include "upstream/host_picker.h"

namespace remora {

/// What peak_ewma and prequal have in common: they draw a few hosts and compare what this worker has heard of
/// them.
class LatencyPicker : public HostPicker {
 public:
  LatencyPicker(const ClusterConfig& config, const PickerContext& context)
      : context_(context),
        settings_(config.balancer ? config.balancer->latency : LatencyAware()) {}

 protected:
  static constexpr size_t kMostDrawn = 16;
  using Drawn = std::array<const Host*, kMostDrawn>;

  /// Different hosts, `choice_count` of them or all there are, each as likely as the others. Source: Floyd,
  /// "Programming Pearls: a sample of brilliance".
  std::span<const Host*> draw(const HostChoices& choices, Drawn& drawn) const {
    const auto& hosts = choices.hosts;
    const size_t wanted = std::min<size_t>({settings_.choice_count, kMostDrawn, hosts.size()});
    size_t count = 0;
    for (size_t last = hosts.size() - wanted; last < hosts.size(); ++last) {
      const Host* host = hosts[context_.random.below(last + 1)];
      const bool there = std::find(drawn.begin(), drawn.begin() + count, host) != drawn.begin() + count;
      drawn[count++] = there ? hosts[last] : host;
    }
    return {drawn.data(), count};
  }

  /// Requests under way on this worker with the one to come, by weight.
  [[nodiscard]] double load(const Host& host) const {
    return static_cast<double>(stats(host).rq_active.get() + 1) / host.weight();
  }
  /// In ticks of ResponseTime. Of whom nothing is known it is 0 for one request, which is to find out.
  [[nodiscard]] double latency(const Host& host) const {
    const auto& stats = this->stats(host);
    if (stats.response_time.known()) return stats.response_time.value(context_.clock.now(), settings_.decay);
    const auto assumed = std::chrono::duration_cast<ResponseTime::Duration>(settings_.default_latency);
    return stats.rq_active.get() == 0 ? 0 : static_cast<double>(assumed.count());
  }
  [[nodiscard]] const LatencyAware& settings() const { return settings_; }

 private:
  [[nodiscard]] HostStats& stats(const Host& host) const { return host.state().stats(context_.shard); }

  PickerContext context_;
  LatencyAware settings_;
};

}  // namespace remora
