// What the two load-bench programs share: non-blocking loopback TCP sockets on one epoll loop.
// Deliberately not Remora's own network code: these programs are the yardstick, so they must not move with
// it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace remora::bench {

// Events reported by one epoll_wait; with more, the loop just goes round again.
inline constexpr int kEventBatch = 256;

[[noreturn]] inline void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Reads a decimal command line argument no larger than `limit`, or ends the program with a message.
inline std::uint32_t number_argument(std::string_view text, std::uint32_t limit) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > limit) {
    std::fprintf(stderr, "not a number up to %u: %.*s\n", limit, static_cast<int>(text.size()), text.data());
    std::exit(2);
  }
  return value;
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

inline void set_no_delay(int socket) {
  const int on = 1;
  if (::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) die("TCP_NODELAY");
}

inline int listen_on_loopback(std::uint16_t port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener < 0) die("socket");
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = loopback(port);
  if (::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) die("bind");
  if (::listen(listener, 4096) != 0) die("listen");
  return listener;
}

// Starts connecting; the socket becomes writable when the connection stands. Returns -1 on failure.
inline int connect_to_loopback(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  set_no_delay(socket);
  const sockaddr_in address = loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EINPROGRESS) {
    return socket;
  }
  ::close(socket);
  return -1;
}

// Registers once for both directions, edge-triggered: no epoll_ctl is paid per request.
inline void watch(int epoll, int socket, void* tag) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = tag;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) != 0) die("epoll_ctl");
}

}  // namespace remora::bench
