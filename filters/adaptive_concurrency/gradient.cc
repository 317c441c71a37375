#include "adaptive_concurrency/gradient.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace remora::filters {
namespace {

/// So many windows in a row at the minimum say that the minimum was not measured well.
constexpr uint32_t kSuspicious = 5;

uint64_t whole_milliseconds(std::chrono::microseconds time) {
  return static_cast<uint64_t>(std::chrono::duration_cast<Milliseconds>(time).count());
}

}  // namespace

Gradient::Gradient(const GradientSettings& settings, Random random)
    : settings_(settings),
      random_(std::move(random)),
      limit_(settings.min_limit),
      limit_before_(settings.min_limit),
      measures_(!settings.fixed_min_rtt),
      min_rtt_(settings.fixed_min_rtt.value_or(Microseconds(0))) {}

void Gradient::end_window(const Window& window, MonotonicTime now) {
  if (measures_) return end_measurement(window.rtt, now);
  sample_rtt_ = window.rtt;
  const double expected = static_cast<double>(min_rtt_.count()) * (1 + settings_.buffer);
  const auto measured = static_cast<double>(std::max(sample_rtt_, Microseconds(1)).count());
  gradient_ = std::clamp(expected / measured, 0.5, 2.0);
  const double limit = limit_ * gradient_;
  headroom_ = std::sqrt(limit);
  const auto next = static_cast<uint32_t>(std::min(limit + headroom_, double{UINT32_MAX}));
  // Not std::clamp: a maximum below the minimum is not refused, and the minimum wins.
  set_limit(std::max(settings_.min_limit, std::min(settings_.max_limit, next)));
  if (times_at_least_ >= kSuspicious) measure_at_ = now;
}

void Gradient::end_measurement(Microseconds rtt, MonotonicTime now) {
  min_rtt_ = rtt;
  limit_ = limit_before_;
  measures_ = false;
  measure_at_ = now + next_interval();
}

bool Gradient::begin_anew(MonotonicTime now) {
  if (measures_ || settings_.fixed_min_rtt || now < measure_at_) return false;
  measures_ = true;
  times_at_least_ = 0;
  limit_before_ = std::exchange(limit_, settings_.min_limit);
  return true;
}

void Gradient::set_limit(uint32_t limit) {
  const bool stays = limit_ == settings_.min_limit && limit == settings_.min_limit;
  times_at_least_ = stays ? times_at_least_ + 1 : 0;
  limit_ = limit;
}

Milliseconds Gradient::next_interval() {
  const auto interval = settings_.min_rtt_interval;
  const auto most =
      static_cast<uint64_t>(std::ceil(static_cast<double>(interval.count()) * settings_.jitter));
  return most == 0 ? interval : interval + Milliseconds(random_.below(most));
}

LimitGauges Gradient::gauges() const {
  return {.burst_queue_size = static_cast<uint64_t>(headroom_),
          .concurrency_limit = limit_,
          .gradient = static_cast<uint64_t>(gradient_ * 1000),
          .min_rtt_calculation_active = measures_ ? 1u : 0u,
          .min_rtt_msecs = whole_milliseconds(min_rtt_),
          .sample_rtt_msecs = whole_milliseconds(sample_rtt_)};
}

}  // namespace remora::filters
