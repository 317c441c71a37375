#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "remora/config/overload.h"
#include "remora/core/stats.h"

namespace remora {

/// A thread that is expected to come round again and again.
class WatchedThread {
 public:
  explicit WatchedThread(std::string name) : name_(std::move(name)) {}
  /// From that thread: it is not standing still.
  void touch(MonotonicTime now) { touched_.store(now.time_since_epoch().count(), std::memory_order_relaxed); }

  // Any thread.
  [[nodiscard]] MonotonicTime touched() const {
    return MonotonicTime(MonotonicTime::duration(touched_.load(std::memory_order_relaxed)));
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  const std::string name_;
  std::atomic<MonotonicTime::rep> touched_{0};
};

/// Threads of one kind: counts those that stand still for too long, says which, and ends the process where
/// the settings want that. Used by the guard's thread only, once it runs. Source: Envoy, watchdog.
class Watchdog {
 public:
  /// Ends the process; `why` has been logged. Tests have another.
  using End = std::function<void(const std::string& why)>;

  /// `group`: what statistics call them all, "workers". `stats` outlives this.
  Watchdog(const std::string& group, const WatchdogSettings& settings, StatsStore& stats, End end);

  /// One more, which is thought to move now. Lives as long as this.
  WatchedThread& watch(const std::string& name, MonotonicTime now);
  /// Judges them all. What happened before `floor` is not held against anybody.
  void look(MonotonicTime now, MonotonicTime floor);
  /// How often to look; threads come round twice as often.
  [[nodiscard]] Milliseconds interval() const;

 private:
  struct Dog {
    std::unique_ptr<WatchedThread> thread;
    std::shared_ptr<StatScope> stats;
    bool missed = false;
    bool mega_missed = false;
  };
  void judge(Dog& dog, Milliseconds still);
  void count(const Dog& dog, size_t stat);
  void end_if_stuck(const Dog& dog, Milliseconds still, size_t stuck);

  const WatchdogSettings settings_;
  StatsStore& stats_;
  const End end_;
  std::shared_ptr<StatScope> group_;
  std::deque<Dog> dogs_;
};

/// The thread that looks after all others. It judges nobody when it comes late itself: then the process was
/// stopped, or the machine is overloaded.
class GuardThread {
 public:
  explicit GuardThread(std::vector<std::unique_ptr<Watchdog>> dogs);
  ~GuardThread() { stop(); }
  GuardThread(const GuardThread&) = delete;
  GuardThread& operator=(const GuardThread&) = delete;

  void start();
  void stop();
  /// One look (tests, too).
  void look(MonotonicTime now);

 private:
  void run();

  std::vector<std::unique_ptr<Watchdog>> dogs_;
  Milliseconds interval_;
  MonotonicTime last_look_{};
  MonotonicTime floor_{};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace remora
