#include "upstream/bounded_load.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "upstream/host.h"

namespace remora {
namespace {

/// Uniform in [0, bound). std::uniform_int_distribution differs between libraries; the order has to be
/// Envoy's.
uint32_t draw_below(std::mt19937& random, uint32_t bound) {
  const uint64_t width = (uint64_t{std::mt19937::max()} + 1) / bound;
  uint64_t drawn = bound;
  while (drawn >= bound) drawn = random() / width;
  return static_cast<uint32_t>(drawn);
}

}  // namespace

double BoundedLoad::overload(const HashTable::Member& member, uint64_t active) const {
  const auto slots = static_cast<double>(((active + 1) * factor_ + 99) / 100);
  const double allowed = std::max(std::ceil(slots * member.weight), 1.0);
  return static_cast<double>(member.host->state().total(&HostStats::rq_active)) / allowed;
}

size_t BoundedLoad::choose(const HashTable& table, size_t owner, uint64_t hash, uint64_t active) {
  const auto& members = table.members();
  double least = overload(members[owner], active);
  if (least <= 1.0) return owner;
  size_t best = owner;
  order_.resize(members.size());
  std::iota(order_.begin(), order_.end(), 0u);
  std::mt19937 random(static_cast<uint32_t>(hash));
  const auto count = static_cast<uint32_t>(members.size());
  for (uint32_t i = 0; i < count; ++i) {
    std::swap(order_[i], order_[i + draw_below(random, count - i)]);
    const size_t other = order_[i];
    if (other == owner) continue;
    const double load = overload(members[other], active);
    if (load <= 1.0) return other;
    if (load < least) {
      best = other;
      least = load;
    }
  }
  return best;
}

}  // namespace remora
