#include <algorithm>
#include <array>
#include <cmath>

#include "remora/core/stats.h"

namespace remora {
namespace {

constexpr size_t kPerDecade = 90;
constexpr size_t kOverflow = Histogram::kBuckets - 1;

constexpr auto kPowers = [] {
  std::array<uint64_t, Histogram::kDecades + 1> powers{};
  uint64_t power = 1;
  for (auto& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}();

/// Where bucket `index` begins and how wide it is. The first one holds nothing but 0; the last one has no
/// end.
struct Edges {
  double lower;
  double width;
};

Edges edges_of(size_t index) {
  if (index == 0) return {0, 0};
  if (index == kOverflow) return {static_cast<double>(kPowers.back()), 0};
  const size_t decade = (index - 1) / kPerDecade;
  const auto digits = static_cast<double>((index - 1) % kPerDecade + 10);
  const auto power = static_cast<double>(kPowers[decade]);
  return {digits * power / 10, power / 10};
}

/// The largest whole number that bucket `index` takes.
uint64_t last_of(size_t index) {
  return index == kOverflow ? UINT64_MAX : Histogram::lower_bound(index + 1) - 1;
}

}  // namespace

void Histogram::record(uint64_t value) {
  const auto bump = [](std::atomic<uint64_t>& cell, uint64_t n) {
    cell.store(cell.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  };
  bump(buckets_[bucket_of(value)], 1);
  bump(sum_, value);
  bump(count_, 1);
}

void Histogram::clear() {
  count_.store(0, std::memory_order_relaxed);
  sum_.store(0, std::memory_order_relaxed);
  for (auto& cell : buckets_) cell.store(0, std::memory_order_relaxed);
}

size_t Histogram::bucket_of(uint64_t value) {
  if (value == 0) return 0;
  if (value >= kPowers.back()) return kOverflow;
  size_t decade = 0;
  while (value >= kPowers[decade + 1]) ++decade;
  const uint64_t digits = value * 10 / kPowers[decade];  // 10 .. 99
  return 1 + kPerDecade * decade + (digits - 10);
}

uint64_t Histogram::lower_bound(size_t index) {
  if (index == 0) return 0;
  if (index >= kOverflow) return kPowers.back();
  const size_t decade = (index - 1) / kPerDecade;
  const uint64_t digits = (index - 1) % kPerDecade + 10;
  return (digits * kPowers[decade] + 9) / 10;
}

void HistogramSnapshot::add(const Histogram& histogram) {
  if (buckets.empty()) buckets.resize(Histogram::kBuckets);
  // The count is taken from the buckets, so that both agree whatever the writer does meanwhile.
  for (size_t i = 0; i < buckets.size(); ++i) {
    const uint64_t n = histogram.bucket(i);
    buckets[i] += n;
    count += n;
  }
  sum += histogram.sum();
}

double HistogramSnapshot::quantile(double q) const {
  if (count == 0) return 0;
  const double wanted = std::clamp(q, 0.0, 1.0) * static_cast<double>(count);
  double below = 0;
  double highest = 0;
  for (size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i] == 0) continue;
    const auto here = static_cast<double>(buckets[i]);
    const auto [lower, width] = edges_of(i);
    if (below + here >= wanted) return lower + width * std::max(0.0, wanted - below) / here;
    below += here;
    highest = lower + width;
  }
  return highest;
}

uint64_t HistogramSnapshot::at_most(double bound) const {
  uint64_t total = 0;
  for (size_t i = 0; i < buckets.size() && static_cast<double>(last_of(i)) <= bound; ++i) total += buckets[i];
  return total;
}

}  // namespace remora
