#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace remora {

void Timer::cancel() {
  if (next_ == nullptr) return;
  TimerWheel::unlink(*this);
  if (wheel_ != nullptr) --wheel_->armed_;
}

TimerWheel::TimerWheel(MonotonicTime start) : start_(start) {}

TimerWheel::~TimerWheel() {
  // Whoever outlives the wheel must not find itself linked into freed slots.
  for (auto& level : levels_) {
    for (auto& slot : level) {
      while (!slot.empty()) unlink(*slot.next_);
    }
  }
}

uint64_t TimerWheel::tick_of(MonotonicTime time) const { return elapsed_ms(start_, time); }

void TimerWheel::link(Slot& slot, Timer& timer) {
  timer.previous_ = slot.previous_;
  timer.next_ = &slot;
  slot.previous_->next_ = &timer;
  slot.previous_ = &timer;
}

void TimerWheel::unlink(Timer& timer) {
  timer.previous_->next_ = timer.next_;
  timer.next_->previous_ = timer.previous_;
  timer.previous_ = timer.next_ = nullptr;
}

void TimerWheel::arm(Timer& timer, MonotonicTime now, Milliseconds delay) {
  timer.cancel();
  timer.wheel_ = this;
  // One tick more than asked: the current tick is already partly over, and a timer must not fire early.
  const auto ticks = static_cast<uint64_t>(std::max<int64_t>(delay.count(), 0)) + 1;
  timer.tick_ = std::max(tick_of(now), now_tick_) + ticks;
  insert(timer);
  ++armed_;
}

void TimerWheel::insert(Timer& timer) {
  const uint64_t distance = timer.tick_ - now_tick_;
  unsigned level = 0;
  while (level + 1 < kLevels && distance >= (uint64_t{1} << (kBits * (level + 1)))) ++level;
  // Beyond the last level's reach: park in its farthest slot; cascading re-inserts it from there.
  const uint64_t reach = uint64_t{1} << (kBits * kLevels);
  const uint64_t tick = distance < reach ? timer.tick_ : now_tick_ + reach - 1;
  const uint64_t slot = (tick >> (kBits * level)) & (kSlots - 1);
  if (level == 0) near_ |= uint64_t{1} << slot;
  link(levels_[level][slot], timer);
}

void TimerWheel::cascade(unsigned level) {
  Slot& slot = levels_[level][(now_tick_ >> (kBits * level)) & (kSlots - 1)];
  Slot moved;
  while (!slot.empty()) {
    Timer& timer = *slot.next_;
    unlink(timer);
    link(moved, timer);
  }
  while (!moved.empty()) {
    Timer& timer = *moved.next_;
    unlink(timer);
    insert(timer);
  }
}

void TimerWheel::fire(Slot& slot) {
  // Only what is due now: callbacks may put new timers into this very slot, a full turn away.
  Slot due;
  while (!slot.empty()) {
    Timer& timer = *slot.next_;
    unlink(timer);
    link(due, timer);
  }
  while (!due.empty()) {
    Timer& timer = *due.next_;
    unlink(timer);
    --armed_;
    timer.callback_(timer.owner_);
  }
}

void TimerWheel::advance(MonotonicTime now) {
  const uint64_t target = tick_of(now);
  while (now_tick_ < target) {
    if (armed_ == 0) {
      now_tick_ = target;
      return;
    }
    ++now_tick_;
    for (unsigned level = 1; level < kLevels; ++level) {
      if ((now_tick_ & ((uint64_t{1} << (kBits * level)) - 1)) != 0) break;
      cascade(level);
    }
    fire(levels_[0][now_tick_ & (kSlots - 1)]);
  }
}

/// From now_tick_ to the next occupied slot of the lowest level, or to the next cascade that can bring
/// something into it. Slots up to the present one belong to the level's next turn.
uint64_t TimerWheel::ticks_to_near() const {
  const uint64_t position = now_tick_ & (kSlots - 1);
  while (const uint64_t ahead = position + 1 < kSlots ? near_ >> (position + 1) : 0) {
    const auto distance = static_cast<uint64_t>(std::countr_zero(ahead)) + 1;
    if (!levels_[0][position + distance].empty()) return distance;
    near_ &= ~(uint64_t{1} << (position + distance));
  }
  const uint64_t next_turn = (now_tick_ | (kSlots - 1)) + 1;
  while (near_ != 0) {
    const auto slot = static_cast<uint64_t>(std::countr_zero(near_));
    if (!levels_[0][slot].empty()) return std::min(next_cascade(), next_turn + slot) - now_tick_;
    near_ &= near_ - 1;
  }
  return next_cascade() - now_tick_;
}

uint64_t TimerWheel::next_cascade() const {
  uint64_t tick = (now_tick_ | (kSlots - 1)) + 1;
  constexpr uint64_t kOuterMask = (uint64_t{1} << (2 * kBits)) - 1;
  while ((tick & kOuterMask) != 0 && levels_[1][(tick >> kBits) & (kSlots - 1)].empty()) tick += kSlots;
  return tick;
}

int TimerWheel::sleep_ms(MonotonicTime now) const {
  if (armed_ == 0) return -1;
  const uint64_t elapsed = tick_of(now);
  const uint64_t tick = now_tick_ + ticks_to_near();
  return tick <= elapsed ? 0 : static_cast<int>(tick - elapsed);
}

}  // namespace remora
