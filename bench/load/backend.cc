// The server behind every proxy of the benchmark: answers each HTTP/1.1 request with the same fixed response,
// as cheaply as one thread can, so that the proxies and not the backend are the bottleneck on a small
// machine. It reads requests without a body only, which is all that the load generator sends.
//
//   backend PORT BODY_BYTES      (loopback, one thread)

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "load/epoll_loop.h"
#include "load/sockets.h"

namespace remora::bench {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

struct Connection {
  int socket = -1;
  bool closed = false;
  std::string unread;  // the start of a request whose end has not come yet
  std::string unsent;  // responses that the socket could not take
};

std::string fixed_response(std::size_t body_bytes) {
  std::string response = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ";
  response += std::to_string(body_bytes) + "\r\n\r\n";
  return response.append(body_bytes, 'x');
}

class Backend {
 public:
  Backend(std::uint16_t port, std::size_t body_bytes) : loop_(port), response_(fixed_response(body_bytes)) {}

  [[noreturn]] void run() {
    loop_.run([this](const epoll_event& event) { dispatch(event); }, [this] { doomed_.clear(); });
  }

 private:
  void dispatch(const epoll_event& event) {
    if (event.data.ptr == nullptr) return accept_all();
    Connection& connection = *static_cast<Connection*>(event.data.ptr);
    if (connection.closed) return;
    if ((event.events & EPOLLOUT) != 0) flush(connection);
    if ((event.events & ~EPOLLOUT) == 0 || connection.closed) return;
    receive(connection, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  }

  void accept_all() {
    for (;;) {
      const int socket = loop_.accept();
      if (socket < 0) return;
      auto* connection = new Connection;  // owned by its epoll registration; close() takes it back
      connection->socket = socket;
      watch(loop_.descriptor(), socket, connection);
    }
  }

  // A short read has emptied the socket and the next byte raises a new edge, so no second recv is spent on
  // it, unless `to_the_end`: the edge of a close may already have been reported together with the last bytes.
  void receive(Connection& connection, bool to_the_end) {
    for (;;) {
      const ssize_t got = ::recv(connection.socket, buffer_.data(), buffer_.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (got <= 0) return close(connection);
      answer(connection, std::string_view(buffer_.data(), static_cast<std::size_t>(got)));
      if (static_cast<std::size_t>(got) < buffer_.size() && !to_the_end) break;
    }
    flush(connection);
  }

  // Queues one response for every request head that `bytes` completes.
  void answer(Connection& connection, std::string_view bytes) {
    if (!connection.unread.empty()) {
      connection.unread.append(bytes);
      bytes = connection.unread;
    }
    std::size_t from = 0;
    for (std::size_t end; (end = bytes.find(kHeadEnd, from)) != std::string_view::npos;
         from = end + kHeadEnd.size()) {
      connection.unsent += response_;
    }
    std::string rest(bytes.substr(from));
    connection.unread.swap(rest);
  }

  void flush(Connection& connection) {
    if (connection.unsent.empty()) return;
    const ssize_t sent =
        ::send(connection.socket, connection.unsent.data(), connection.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return close(connection);
    if (sent > 0) connection.unsent.erase(0, static_cast<std::size_t>(sent));
  }

  void close(Connection& connection) {
    connection.closed = true;
    ::close(connection.socket);
    doomed_.emplace_back(&connection);  // freed after the batch: later events in it may still point here
  }

  EpollLoop loop_;
  std::string response_;
  std::array<char, 65536> buffer_;
  std::vector<std::unique_ptr<Connection>> doomed_;
};

}  // namespace
}  // namespace remora::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PORT BODY_BYTES\n", argv[0]);
    return 2;
  }
  using remora::bench::number_argument;
  const auto port = static_cast<std::uint16_t>(number_argument(argv[1], 65535));
  remora::bench::Backend(port, number_argument(argv[2], 1U << 24)).run();
}
