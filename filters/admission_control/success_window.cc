#include "admission_control/success_window.h"

#include <algorithm>

namespace remora::filters {
namespace {

using std::chrono::seconds;

seconds step_of(seconds length) {
  constexpr auto kSteps = static_cast<int64_t>(SuccessWindow::kMostSteps);
  return std::max(seconds(1), seconds((length.count() + kSteps - 1) / kSteps));
}

}  // namespace

SuccessWindow::SuccessWindow(seconds length)
    : length_(length),
      step_(step_of(length)),
      // Steps begin at least step_ apart, and all that live began within the window.
      steps_(static_cast<size_t>(length / step_) + 2) {}

void SuccessWindow::forget_old(MonotonicTime now) {
  while (live_ > 0 && now - steps_[oldest_].begun >= length_) {
    all_.requests -= steps_[oldest_].counts.requests;
    all_.successes -= steps_[oldest_].counts.successes;
    oldest_ = (oldest_ + 1) % steps_.size();
    --live_;
  }
}

void SuccessWindow::record(MonotonicTime now, bool success) {
  forget_old(now);
  if (live_ == 0 || now - newest().begun >= step_) {
    ++live_;
    newest() = {.begun = now, .counts = {}};
  }
  for (Counts* counts : {&all_, &newest().counts}) {
    ++counts->requests;
    if (success) ++counts->successes;
  }
}

SuccessWindow::Counts SuccessWindow::counts(MonotonicTime now) {
  forget_old(now);
  return all_;
}

uint64_t SuccessWindow::average_rps(MonotonicTime now) {
  forget_old(now);
  if (live_ == 0) return 0;
  const auto age = std::chrono::duration_cast<seconds>(now - steps_[oldest_].begun);
  return all_.requests / static_cast<uint64_t>(std::max(age, seconds(1)).count());
}

}  // namespace remora::filters
