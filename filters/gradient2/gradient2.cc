#include "gradient2/gradient2.h"

#include <algorithm>
#include <cmath>

namespace remora::filters {
namespace {

/// How much a new value weighs in an average that fades with `decay`, `age` after the one before.
double weight(MonotonicTime::duration age, Milliseconds decay) {
  return 1 - std::exp(-std::chrono::duration<double>(age) / std::chrono::duration<double>(decay));
}

uint64_t whole_milliseconds(double microseconds) { return static_cast<uint64_t>(microseconds / 1000); }

}  // namespace

Gradient2::Gradient2(const Gradient2Settings& settings)
    : settings_(settings),
      limit_(settings.initial_limit) {}

double Gradient2::long_weight(MonotonicTime::duration age, const Window& window) const {
  // The headroom keeps a limit above 4, however long requests take.
  constexpr uint32_t kFew = 5;
  const bool is_reached = window.most_at_once >= limit();
  if (short_rtt_ <= long_rtt_ || !is_reached) return weight(age, settings_.long_decay);
  return limit() <= std::max(settings_.min_limit, kFew) ? 1 : 0;
}

void Gradient2::average(const Window& window, MonotonicTime now) {
  const auto rtt = static_cast<double>(std::max(window.rtt, Microseconds(1)).count());
  if (short_rtt_ == 0) {
    short_rtt_ = long_rtt_ = rtt;
  } else {
    const auto age = std::max<MonotonicTime::duration>(now - measured_at_, settings_.update_interval);
    short_rtt_ += weight(age, settings_.short_decay) * (rtt - short_rtt_);
    long_rtt_ += long_weight(age, window) * (short_rtt_ - long_rtt_);
  }
  measured_at_ = now;
  // What has become much faster is the usual soon.
  constexpr double kFarAbove = 2;
  constexpr double kStep = 0.95;
  if (long_rtt_ > kFarAbove * short_rtt_) long_rtt_ *= kStep;
}

void Gradient2::end_window(const Window& window, MonotonicTime now) {
  average(window, now);
  gradient_ = std::clamp(settings_.tolerance * long_rtt_ / short_rtt_, 0.5, 1.0);
  headroom_ = std::sqrt(limit_);
  const double next = limit_ * gradient_ + headroom_;
  // Who does not use the limit says nothing about whether it could be larger.
  if (next > limit_ && window.most_at_once < limit_ / 2) return;
  const double smoothed = limit_ + settings_.smoothing * (next - limit_);
  limit_ = std::clamp<double>(smoothed, settings_.min_limit, settings_.max_limit);
}

LimitGauges Gradient2::gauges() const {
  return {.burst_queue_size = static_cast<uint64_t>(headroom_),
          .concurrency_limit = limit(),
          .gradient = static_cast<uint64_t>(gradient_ * 1000),
          .min_rtt_msecs = whole_milliseconds(long_rtt_),
          .sample_rtt_msecs = whole_milliseconds(short_rtt_)};
}

}  // namespace remora::filters
