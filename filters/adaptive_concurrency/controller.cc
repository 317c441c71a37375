#include "adaptive_concurrency/controller.h"

#include <algorithm>
#include <utility>

namespace remora::filters {
namespace {

using std::chrono::microseconds;

constexpr StatDef kSamples[] = {{.name = "rtt", .kind = StatKind::kHistogram}};
/// However long windows are, gauges are not older than this.
constexpr Milliseconds kLongestSleep{1000};

/// Those samples of `all` that are not in `before`.
HistogramSnapshot difference(const HistogramSnapshot& all, const HistogramSnapshot& before) {
  HistogramSnapshot out = all;
  out.count -= before.count;
  out.sum -= before.sum;
  for (size_t i = 0; i < before.buckets.size(); ++i) out.buckets[i] -= before.buckets[i];
  return out;
}

}  // namespace

ConcurrencyController::ConcurrencyController(const Settings& settings, std::unique_ptr<LimitPolicy> policy,
                                             size_t shards)
    : settings_(settings),
      samples_(kSamples, {}, shards),
      policy_(std::move(policy)) {
  follow_policy();
}

bool ConcurrencyController::admit() {
  uint32_t others = in_flight_.load(std::memory_order_relaxed);
  const uint32_t limit = limit_.load(std::memory_order_relaxed);
  do {
    if (others >= limit) return false;
  } while (!in_flight_.compare_exchange_weak(others, others + 1, std::memory_order_relaxed));
  // Rarely written: a window has few highest values.
  if (others + 1 > most_in_flight_.load(std::memory_order_relaxed))
    most_in_flight_.store(others + 1, std::memory_order_relaxed);
  return true;
}

void ConcurrencyController::release(size_t shard, MonotonicTime begun, MonotonicTime now) {
  release();
  if (begun.time_since_epoch().count() < count_from_.load(std::memory_order_relaxed)) return;
  const auto took = std::chrono::duration_cast<microseconds>(now - begun);
  samples_.block(shard).record(0, static_cast<uint64_t>(std::max(took, microseconds(0)).count()));
  const uint32_t wanted = samples_wanted_.load(std::memory_order_relaxed);
  // The count is released with the sample, so that who sees the last one sees them all.
  if (wanted != 0 && samples_seen_.fetch_add(1, std::memory_order_acq_rel) + 1 >= wanted)
    end_counted_window(now);
}

void ConcurrencyController::end_counted_window(MonotonicTime now) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;  // whoever has it looks itself, or else the next sample ends the window
  if (samples_wanted_.load(std::memory_order_relaxed) == 0) return;  // it is over already
  close_window(now);
}

void ConcurrencyController::close_window(MonotonicTime now) {
  HistogramSnapshot all = samples_.histogram(0);
  const HistogramSnapshot window = difference(all, counted_);
  window_ends_ = now + settings_.update_interval;
  if (window.count == 0) return;
  counted_ = std::move(all);
  const auto rtt = microseconds(static_cast<int64_t>(window.quantile(settings_.quantile)));
  const uint32_t most = most_in_flight_.exchange(0, std::memory_order_relaxed);
  policy_->end_window({.rtt = rtt, .most_at_once = most}, now);
  follow_policy();
}

void ConcurrencyController::follow_policy() {
  limit_.store(policy_->limit(), std::memory_order_relaxed);
  samples_seen_.store(0, std::memory_order_relaxed);
  samples_wanted_.store(policy_->samples_wanted(), std::memory_order_relaxed);
}

Milliseconds ConcurrencyController::tick(MonotonicTime now) {
  const std::scoped_lock lock(mutex_);
  if (window_ends_ == MonotonicTime{}) window_ends_ = now + settings_.update_interval;
  const uint32_t wanted = samples_wanted_.load(std::memory_order_relaxed);
  const bool over =
      wanted == 0 ? now >= window_ends_ : samples_seen_.load(std::memory_order_acquire) >= wanted;
  if (over) close_window(now);
  if (policy_->begin_anew(now)) {
    counted_ = samples_.histogram(0);
    count_from_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    follow_policy();
  }
  const auto until_end = std::chrono::ceil<Milliseconds>(window_ends_ - now);
  const bool by_count = samples_wanted_.load(std::memory_order_relaxed) != 0;
  return std::clamp(by_count ? settings_.update_interval : until_end, Milliseconds(1), kLongestSleep);
}

LimitGauges ConcurrencyController::gauges() {
  const std::scoped_lock lock(mutex_);
  return policy_->gauges();
}

}  // namespace remora::filters
