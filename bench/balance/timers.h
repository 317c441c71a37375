#pragma once

#include <sys/epoll.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <random>

#include "load/sockets.h"

namespace remora::bench {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

/// Sleeps until something happens on `epoll` or until `due`, to the nanosecond: milliseconds, which
/// epoll_wait counts in, are too coarse for answers that take a few of them. How many events there are.
inline int wait_until(int epoll, epoll_event* events, Clock::time_point due) {
  const auto left = std::max<Clock::duration>(due - Clock::now(), Clock::duration::zero());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
  timespec timeout{};
  timeout.tv_sec = whole.count();
  timeout.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(left - whole).count();
  const int count = ::epoll_pwait2(epoll, events, kEventBatch, &timeout, nullptr);
  if (count < 0 && errno != EINTR) die("epoll_pwait2");
  return std::max(count, 0);
}

/// An open loop has as many connections as slow answers need.
inline void allow_many_sockets() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
}

/// Times between events that know nothing of each other, and times that work takes: exponentially
/// distributed.
class ExponentialTimes {
 public:
  explicit ExponentialTimes(std::uint64_t seed) : engine_(seed) {}
  Clock::duration next(Microseconds mean) {
    return std::chrono::duration_cast<Clock::duration>(mean * distribution_(engine_));
  }
  /// True in `percent` of the cases.
  bool happens(std::uint32_t percent) { return engine_() % 100 < percent; }

 private:
  std::mt19937_64 engine_;
  std::exponential_distribution<double> distribution_{1.0};
};

}  // namespace remora::bench
