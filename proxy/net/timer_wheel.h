#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "remora/core/clock.h"

namespace remora {

class TimerWheel;

/// Something that can happen once at a later time. Embed it in the object it serves; destroying it disarms
/// it. The callback is a plain function so that arming never allocates.
class Timer {
 public:
  using Callback = void (*)(void* owner);

  Timer(Callback callback, void* owner) : callback_(callback), owner_(owner) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void cancel();
  [[nodiscard]] bool armed() const { return next_ != nullptr; }

 private:
  friend class TimerWheel;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  uint64_t tick_ = 0;
  TimerWheel* wheel_ = nullptr;
  Callback callback_;
  void* owner_;
};

/// Makes a Timer callback out of a member function: `Timer t_{timer_calls<&X::on_timeout>, this}`.
template <auto Member>
struct TimerCall;
template <typename T, void (T::*Member)()>
struct TimerCall<Member> {
  static void call(void* owner) { (static_cast<T*>(owner)->*Member)(); }
};
template <auto Member>
inline constexpr Timer::Callback timer_calls = &TimerCall<Member>::call;

/// A hierarchical timer wheel: arming and cancelling cost a few list operations, whatever the number of
/// timers. One per worker, driven by the event loop; resolution 1 ms, timers fire late by up to one tick,
/// never early.
class TimerWheel {
 public:
  explicit TimerWheel(MonotonicTime start);
  ~TimerWheel();

  /// (Re)arms `timer` to fire `delay` after `now`.
  void arm(Timer& timer, MonotonicTime now, Milliseconds delay);
  /// Fires everything due. Callbacks may arm and cancel any timer.
  void advance(MonotonicTime now);
  /// How long the loop may sleep, in ms; -1 when nothing is armed. May be earlier than the next timer, never
  /// later.
  [[nodiscard]] int sleep_ms(MonotonicTime now) const;

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6;
  static constexpr size_t kSlots = size_t{1} << kBits;
  static constexpr unsigned kLevels = 5;  // 64 ms, 4 s, 4.4 min, 4.7 h, 12 days

  struct Slot : Timer {
    Slot() : Timer(nullptr, nullptr) { previous_ = next_ = this; }
    ~Slot() { next_ = nullptr; }
    [[nodiscard]] bool empty() const { return next_ == this; }
    friend class TimerWheel;
  };

  [[nodiscard]] uint64_t tick_of(MonotonicTime time) const;
  void insert(Timer& timer);
  void cascade(unsigned level);
  void fire(Slot& slot);
  [[nodiscard]] uint64_t ticks_to_near() const;
  [[nodiscard]] uint64_t next_cascade() const;
  static void link(Slot& slot, Timer& timer);
  static void unlink(Timer& timer);

  MonotonicTime start_;
  uint64_t now_tick_ = 0;
  size_t armed_ = 0;
  mutable uint64_t near_ = 0;  // slots of level 0 that may hold timers; cleared when found empty
  std::array<std::array<Slot, kSlots>, kLevels> levels_;
};

}  // namespace remora
