// The hosts of the cluster that load balancers are measured with, all in one thread: each listens on a port,
// takes its own time over an answer, and fails some of them.
//
//   hosts PORT,MEAN_US,FAIL_PERCENT ...        (loopback)
//
// An answer takes an exponentially distributed time of that mean, whatever else the host has to do; a failure
// (503) comes at once. GET /counts on any port tells, at once, how many requests each host has had.

#include <algorithm>
#include <array>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "balance/timers.h"

namespace remora::bench {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

struct Host {
  std::uint16_t port;
  Microseconds mean;
  std::uint32_t fail_percent;
  int listener = -1;
  std::uint64_t requests = 0;
};

struct Connection {
  Host* host;
  std::uint64_t number;  // so that an answer that was due finds out that its connection is gone
  std::string unread;
};

/// An answer that is to be sent.
struct Due {
  Clock::time_point at;
  int socket;
  std::uint64_t connection;
  bool fails;
  bool operator>(const Due& other) const { return at > other.at; }
};

std::string response(std::string_view status, std::string_view body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

class Hosts {
 public:
  explicit Hosts(std::vector<Host> hosts) : hosts_(std::move(hosts)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) die("epoll_create1");
    for (Host& host : hosts_) {
      host.listener = listen_on_loopback(host.port);
      listeners_[host.listener] = &host;
      add(host.listener);
    }
  }

  [[noreturn]] void run() {
    std::array<epoll_event, kEventBatch> events;
    for (;;) {
      const auto next = due_.empty() ? Clock::now() + std::chrono::seconds(10) : due_.top().at;
      const int count = wait_until(epoll_, events.data(), next);
      for (int i = 0; i < count; ++i) dispatch(events[static_cast<std::size_t>(i)].data.fd);
      for (const auto now = Clock::now(); !due_.empty() && due_.top().at <= now; due_.pop())
        answer(due_.top());
    }
  }

 private:
  void add(int socket) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = socket;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) die("epoll_ctl");
  }

  void dispatch(int socket) {
    if (const auto listener = listeners_.find(socket); listener != listeners_.end())
      return accept_all(*listener->second);
    if (const auto found = connections_.find(socket); found != connections_.end())
      receive(socket, found->second);
  }

  void accept_all(Host& host) {
    for (;;) {
      const int socket = ::accept4(host.listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      set_no_delay(socket);
      connections_[socket] = {&host, ++last_connection_, {}};
      add(socket);
    }
  }

  void receive(int socket, Connection& connection) {
    const ssize_t got = ::recv(socket, buffer_.data(), buffer_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close(socket);
    connection.unread.append(buffer_.data(), static_cast<std::size_t>(got));
    for (std::size_t end; (end = connection.unread.find(kHeadEnd)) != std::string::npos;) {
      const bool asks = connection.unread.starts_with("GET /counts ");
      connection.unread.erase(0, end + kHeadEnd.size());
      asks ? send(socket, response("200 OK", counts())) : begin(socket, connection);
    }
  }

  void begin(int socket, const Connection& connection) {
    Host& host = *connection.host;
    ++host.requests;
    const bool fails = times_.happens(host.fail_percent);
    const auto takes = fails ? Clock::duration::zero() : times_.next(host.mean);
    due_.push({Clock::now() + takes, socket, connection.number, fails});
  }

  void answer(const Due& due) {
    const auto found = connections_.find(due.socket);
    if (found == connections_.end() || found->second.number != due.connection) return;
    send(due.socket, due.fails ? failed_ : answered_);
  }

  /// Answers are small and one at a time: a socket that cannot take one has a peer that does not read.
  void send(int socket, const std::string& bytes) {
    if (::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      close(socket);
  }

  [[nodiscard]] std::string counts() const {
    std::string out = "[";
    for (const Host& host : hosts_) out += (out.size() > 1 ? "," : "") + std::to_string(host.requests);
    return out + "]";
  }

  void close(int socket) {
    connections_.erase(socket);
    ::close(socket);
  }

  std::vector<Host> hosts_;
  const int epoll_;
  std::unordered_map<int, Host*> listeners_;
  std::unordered_map<int, Connection> connections_;
  std::uint64_t last_connection_ = 0;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  ExponentialTimes times_{1};
  const std::string answered_ = response("200 OK", std::string(512, 'x'));
  const std::string failed_ = response("503 Service Unavailable", "");
  std::array<char, 16384> buffer_;
};

/// "PORT,MEAN_US,FAIL_PERCENT"
Host read_host(std::string_view text) {
  const auto first = std::min(text.find(','), text.size());
  const auto second = std::min(text.find(',', first + 1), text.size());
  const auto part = [&](std::size_t from, std::size_t to) {
    return text.substr(std::min(from, to), to - from);
  };
  return {static_cast<std::uint16_t>(number_argument(part(0, first), 65535)),
          Microseconds(number_argument(part(first + 1, second), 60'000'000)),
          number_argument(part(second + 1, text.size()), 100)};
}

}  // namespace
}  // namespace remora::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s PORT,MEAN_US,FAIL_PERCENT ...\n", argv[0]);
    return 2;
  }
  remora::bench::allow_many_sockets();
  std::vector<remora::bench::Host> hosts;
  for (int i = 1; i < argc; ++i) hosts.push_back(remora::bench::read_host(argv[i]));
  remora::bench::Hosts(std::move(hosts)).run();
}
