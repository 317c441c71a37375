#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "net/timer_wheel.h"
#include "watchdog/watchdog.h"
#include "worker.h"

namespace remora {

/// Has a worker's event loop show that it turns. Goes after the worker's thread has ended, before the worker.
class WorkerPulse {
 public:
  WorkerPulse(Worker& worker, WatchedThread& thread, Milliseconds interval)
      : worker_(worker),
        thread_(thread),
        interval_(interval),
        timer_(timer_calls<&WorkerPulse::beat>, this) {
    worker.post([this] { beat(); });
  }

 private:
  void beat() {
    thread_.touch(worker_.clock().now());
    worker_.arm(timer_, interval_);
  }

  Worker& worker_;
  WatchedThread& thread_;
  const Milliseconds interval_;
  Timer timer_;
};

/// The same of the main thread.
class MainPulse {
 public:
  MainPulse(boost::asio::io_context& io, WatchedThread& thread, Milliseconds interval)
      : thread_(thread),
        interval_(interval),
        timer_(io) {
    beat();
  }

 private:
  void beat() {
    thread_.touch(std::chrono::steady_clock::now());
    timer_.expires_after(interval_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) beat();
    });
  }

  WatchedThread& thread_;
  const Milliseconds interval_;
  boost::asio::steady_timer timer_;
};

}  // namespace remora
