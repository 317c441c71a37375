#pragma once

#include <array>

#include "load/sockets.h"

namespace remora::bench {

/// The loop of a server on loopback: one thread, one listening socket. An event whose data.ptr is null is the
/// listener's.
class EpollLoop {
 public:
  explicit EpollLoop(std::uint16_t port)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        listener_(listen_on_loopback(port)) {
    if (epoll_ < 0) die("epoll_create1");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = nullptr;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) die("epoll_ctl");
  }

  /// For each event `dispatch(event)`, and `end_batch()` behind the last of those that came together: until
  /// then an event may still point to what an earlier one ended.
  template <typename Dispatch, typename EndBatch>
  [[noreturn]] void run(Dispatch dispatch, EndBatch end_batch) const {
    std::array<epoll_event, kEventBatch> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), kEventBatch, -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) dispatch(events[static_cast<std::size_t>(i)]);
      end_batch();
    }
  }

  /// The next connection that waits, without Nagle's delay; -1: none does.
  [[nodiscard]] int accept() const {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) set_no_delay(socket);
    return socket;
  }

  [[nodiscard]] int descriptor() const { return epoll_; }

 private:
  const int epoll_;
  const int listener_;
};

}  // namespace remora::bench
