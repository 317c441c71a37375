#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "net/lingering.h"
#include "net/timer_wheel.h"
#include "remora/core/clock.h"

namespace remora {

/// Receives readiness of one file descriptor. Edge-triggered: act until the kernel says EAGAIN (or a short
/// read).
class EventHandler {
 public:
  virtual void on_events(uint32_t events) = 0;

 protected:
  ~EventHandler() = default;
};

/// Wants a call at the end of the turn in which it asked for it.
class TurnEndHandler {
 public:
  virtual void on_turn_end() = 0;

 protected:
  ~TurnEndHandler() = default;
};

/// An object that is freed by the reactor at the end of the turn, when no event of the turn can still name
/// it.
class Disposable {
 public:
  virtual ~Disposable() = default;
};

/// One worker's event loop: epoll, timers, a mailbox, and the end of the turn. Single-threaded except for
/// post().
///
/// A turn is: wait; refresh the clock; handlers of ready descriptors; timers; mailbox; then, until nobody
/// asks any more, turn-end handlers (connections flush what the turn has produced: one send per connection
/// and turn); then the disposed objects are freed. Nothing is freed in the middle of a turn, so no handler
/// can meet a dead object.
class Reactor {
 public:
  Reactor();
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  /// Registers once for everything, edge-triggered. The descriptor leaves by being closed.
  void add(int fd, EventHandler& handler);
  /// Level-triggered, readable only: for accept, where a bounded number is taken per turn.
  void add_level(int fd, EventHandler& handler);
  void remove(int fd);

  /// Runs `task` on this reactor's thread in one of its next turns. Any thread. The only lock of a worker.
  void post(std::function<void()> task);
  void at_turn_end(TurnEndHandler& handler) { turn_end_.push_back(&handler); }
  /// A handler that goes away must not be called any more.
  void forget(TurnEndHandler& handler);
  /// Calls `handler` with EPOLLIN early in the next turn, which then does not sleep: for work cut short to be
  /// fair.
  void again(EventHandler& handler) { again_.push_back(&handler); }
  void forget(EventHandler& handler);
  void dispose(std::unique_ptr<Disposable> object) { disposed_.push_back(std::move(object)); }

  void run();
  void stop() { running_ = false; }
  /// One turn that waits at most `max_wait_ms` (tests).
  void turn(int max_wait_ms);

  /// For who takes the turns from another event loop: a descriptor that is readable when a turn has something
  /// to do, and how many milliseconds the next turn can wait for it (-1: for ever).
  [[nodiscard]] int poll_fd() const { return epoll_fd_; }
  [[nodiscard]] int wait_ms() const;

  [[nodiscard]] Clock& clock() { return clock_; }
  [[nodiscard]] TimerWheel& timers() { return timers_; }
  void arm(Timer& timer, Milliseconds delay) { timers_.arm(timer, clock_.now(), delay); }

  /// A buffer that every read of this thread may use during one call.
  static constexpr size_t kScratchBytes = 64 * 1024;
  [[nodiscard]] char* scratch() { return scratch_.get(); }
  [[nodiscard]] LingeringSockets& lingering() { return lingering_; }

 private:
  void drain_mailbox();
  void end_turn();

  int epoll_fd_;
  int wake_fd_;
  bool running_ = true;
  SystemClock clock_;
  TimerWheel timers_;
  std::unique_ptr<char[]> scratch_;
  std::array<epoll_event, 256> events_;
  std::vector<TurnEndHandler*> turn_end_;
  std::vector<TurnEndHandler*> turn_end_now_;
  std::vector<EventHandler*> again_;
  std::vector<EventHandler*> again_now_;
  std::vector<std::unique_ptr<Disposable>> disposed_;
  std::mutex mailbox_mutex_;
  std::vector<std::function<void()>> mailbox_;
  LingeringSockets lingering_{*this};
};

}  // namespace remora
