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
  /// A host, and how much of it counts.
  struct Candidate {
    const Host* host;
    double weight;
  };
  using Drawn = std::array<Candidate, kMostDrawn>;

  /// Different hosts, `choice_count` of them or all there are.
  std::span<const Candidate> draw(const HostChoices& choices, Drawn& drawn) const {
    const size_t wanted = std::min<size_t>({settings_.choice_count, kMostDrawn, choices.hosts.size()});
    const size_t count =
        choices.parts ? draw_shares(choices, wanted, drawn) : draw_evenly(choices, wanted, drawn);
    return {drawn.data(), count};
  }

  /// Requests under way on this worker with the one to come, by weight.
  [[nodiscard]] double load(const Candidate& candidate) const {
    return static_cast<double>(stats(*candidate.host).rq_active.get() + 1) / candidate.weight;
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
  /// Each as likely as the others. Source: Floyd, "Programming Pearls: a sample of brilliance".
  size_t draw_evenly(const HostChoices& choices, size_t wanted, Drawn& drawn) const {
    const auto& hosts = choices.hosts;
    size_t count = 0;
    for (size_t last = hosts.size() - wanted; last < hosts.size(); ++last) {
      const Host* host = hosts[context_.random.below(last + 1)];
      if (is_there(host, drawn, count)) host = hosts[last];
      drawn[count++] = {host, static_cast<double>(host->weight())};
    }
    return count;
  }
  /// Each as likely as its share; fewer than wanted where the same ones come again and again.
  size_t draw_shares(const HostChoices& choices, size_t wanted, Drawn& drawn) const {
    size_t count = 0;
    for (size_t tries = 2 * wanted; tries > 0 && count < wanted; --tries) {
      const size_t place = draw_by_share(choices, context_.random);
      const Host* host = choices.hosts[place];
      if (!is_there(host, drawn, count)) drawn[count++] = {host, host->weight() * choices.part(place)};
    }
    return count;
  }
  static bool is_there(const Host* host, const Drawn& drawn, size_t count) {
    return std::any_of(drawn.begin(), drawn.begin() + static_cast<std::ptrdiff_t>(count),
                       [host](const Candidate& known) { return known.host == host; });
  }
  [[nodiscard]] HostStats& stats(const Host& host) const { return host.state().stats(context_.shard); }

  PickerContext context_;
  LatencyAware settings_;
};

}  // namespace remora
