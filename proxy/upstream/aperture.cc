#include "upstream/aperture.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/hash.h"

namespace remora {
namespace {

/// Below this nothing counts: what arithmetic leaves over, of a ring whose length is 1.
constexpr double kNothing = 1e-9;

/// The widest slice of any `count` neighbours on the ring, where all slices together are 1.
double widest(std::span<const double> weights, size_t count) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double sum = std::accumulate(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
  double most = sum;
  for (size_t first = 0; first < weights.size(); ++first) {
    sum += weights[(first + count) % weights.size()] - weights[first];
    most = std::max(most, sum);
  }
  return most / total;
}

/// How densely an arc covers the ring, from its beginning on: even, where it is as wide as a whole number of
/// peers' distances (`even`); what it is wider than that (`fade`), its ends rise and fall in.
class Arc {
 public:
  Arc(double width, uint32_t peers) : even_(width) {
    if (peers == 0) return;
    const double distance = 1.0 / peers;
    even_ = std::max(1.0, std::floor(width / distance + kNothing)) * distance;
    fade_ = width - even_ < 1e-7 ? 0 : width - even_;
  }

  [[nodiscard]] double height() const { return 1 / even_; }
  /// What it covers of the ring from `from` to `to`, which are distances from its beginning, above -1; all of
  /// it is 1. What is before the beginning is near the ring's end.
  [[nodiscard]] double covers(double from, double to) const {
    return until(to) - until(from) + until(to + 1) - until(from + 1);
  }

 private:
  [[nodiscard]] double until(double x) const {
    if (fade_ == 0) return std::clamp(x / even_, 0.0, 1.0);
    const auto square = [](double y) { return y <= 0 ? 0 : y * y; };
    if (x >= even_ + fade_) return 1;
    return (square(x) - square(x - even_) - square(x - fade_)) / (2 * even_ * fade_);
  }

  double even_;
  double fade_ = 0;
};

}  // namespace

std::vector<ApertureShare> open_aperture(std::span<const double> weights, const ApertureRules& rules) {
  if (rules.hosts >= weights.size() || rules.place.peers == 1) return {};
  const double least = rules.place.peers == 0 ? 0 : 1.0 / rules.place.peers;
  const double width = std::max(least, widest(weights, rules.hosts));
  if (width >= 1 - kNothing) return {};
  const Arc arc(width, rules.place.peers);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<ApertureShare> shares;
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    const double begin = sum / total - rules.place.offset;
    sum += weights[i];
    const double end = sum / total - rules.place.offset;
    const double part = arc.covers(begin, end) / (arc.height() * (end - begin));
    if (part > 1e-6) shares.push_back({i, std::min(part, 1.0)});
  }
  return shares;
}

bool RingOrder::operator<(const RingOrder& other) const {
  return hash != other.hash ? hash < other.hash : *name < *other.name;
}

RingOrder ring_order(const Endpoint& endpoint) {
  return {xx_hash64(endpoint.address_text), &endpoint.address_text};
}

Rare<HostChoices> make_aperture(const HostChoices& all, const LoadRules& rules, uint32_t& next_id) {
  if (all.hosts.size() <= rules.aperture->hosts) return {};
  std::vector<std::pair<RingOrder, const Host*>> ring;
  ring.reserve(all.hosts.size());
  for (const Host* host : all.hosts) ring.emplace_back(ring_order(host->endpoint()), host);
  std::ranges::sort(ring, [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<double> weights;
  weights.reserve(ring.size());
  for (const auto& entry : ring) weights.push_back(entry.second->weight());

  const auto shares = open_aperture(weights, *rules.aperture);
  if (shares.empty()) return {};
  HostChoices made;
  HostParts& parts = made.parts.emplace();
  double sum = 0;
  for (const auto& share : shares) {
    made.hosts.push_back(ring[share.host].second);
    parts.each.push_back(share.part);
    parts.shares_until.push_back(sum += weights[share.host] * share.part);
  }
  describe(made, rules, next_id);
  return made;
}

}  // namespace remora
