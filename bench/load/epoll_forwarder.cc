// The floor of the benchmark: forwards bytes between each client connection and an upstream connection of its
// own, and understands nothing. A proxy that parses, routes and counts can only cost more than this.
//
//   epoll_forwarder LISTEN_PORT UPSTREAM_PORT      (loopback, one thread)

#include <array>
#include <memory>
#include <vector>

#include "load/epoll_loop.h"
#include "load/sockets.h"

namespace remora::bench {
namespace {

struct Pair;

// One of the two sockets of a pair, and the bytes read from it that its peer could not take yet.
struct Side {
  int socket = -1;
  Pair* pair = nullptr;
  Side* peer = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::array<char, 16384> buffer;
};

struct Pair {
  Side client;
  Side upstream;
  bool closed = false;
};

class Forwarder {
 public:
  Forwarder(std::uint16_t listen_port, std::uint16_t upstream_port)
      : loop_(listen_port),
        upstream_port_(upstream_port) {}

  [[noreturn]] void run() {
    loop_.run([this](const epoll_event& event) { dispatch(event); }, [this] { doomed_.clear(); });
  }

 private:
  void dispatch(const epoll_event& event) {
    if (event.data.ptr == nullptr) return accept_all();
    Side& side = *static_cast<Side*>(event.data.ptr);
    if (side.pair->closed) return;  // an earlier event of this batch ended the pair
    if ((event.events & EPOLLOUT) != 0 && side.peer->end > side.peer->begin && !pump(*side.peer, true))
      return;
    if ((event.events & ~EPOLLOUT) != 0) pump(side, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  }

  void accept_all() {
    for (;;) {
      const int socket = loop_.accept();
      if (socket < 0) return;
      const int upstream = connect_to_loopback(upstream_port_);
      if (upstream < 0) {
        ::close(socket);
        continue;
      }
      auto* pair = new Pair;  // owned by its two epoll registrations; close_pair() takes it back
      join(*pair, socket, upstream);
    }
  }

  void join(Pair& pair, int client, int upstream) {
    pair.client.socket = client;
    pair.upstream.socket = upstream;
    pair.client.pair = pair.upstream.pair = &pair;
    pair.client.peer = &pair.upstream;
    pair.upstream.peer = &pair.client;
    watch(loop_.descriptor(), client, &pair.client);
    watch(loop_.descriptor(), upstream, &pair.upstream);
  }

  // Moves bytes from `from` to its peer until one of them would block. False when the pair has been closed.
  // A short read has emptied the socket and the next byte raises a new edge, so no second recv is spent on
  // it, unless `to_the_end`: the edge of a close may already have been reported together with the last bytes.
  bool pump(Side& from, bool to_the_end) {
    for (;;) {
      if (!write_out(from)) return false;
      if (from.end > from.begin) return true;  // the peer is full; its EPOLLOUT brings us back
      const ssize_t got = ::recv(from.socket, from.buffer.data(), from.buffer.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
      if (got <= 0) return close_pair(*from.pair);
      from.begin = 0;
      from.end = static_cast<std::size_t>(got);
      if (from.end < from.buffer.size() && !to_the_end) return write_out(from);
    }
  }

  bool write_out(Side& from) {
    while (from.begin < from.end) {
      const ssize_t sent =
          ::send(from.peer->socket, from.buffer.data() + from.begin, from.end - from.begin, MSG_NOSIGNAL);
      if (sent > 0) {
        from.begin += static_cast<std::size_t>(sent);
      } else if (errno == EAGAIN || errno == ENOTCONN) {
        return true;  // full, or the upstream connection is still being made
      } else {
        return close_pair(*from.pair);
      }
    }
    return true;
  }

  bool close_pair(Pair& pair) {
    pair.closed = true;
    ::close(pair.client.socket);
    ::close(pair.upstream.socket);
    doomed_.emplace_back(&pair);  // freed after the batch: later events in it may still point here
    return false;
  }

  EpollLoop loop_;
  std::uint16_t upstream_port_;
  std::vector<std::unique_ptr<Pair>> doomed_;
};

}  // namespace
}  // namespace remora::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s LISTEN_PORT UPSTREAM_PORT\n", argv[0]);
    return 2;
  }
  using remora::bench::number_argument;
  const auto listen_port = static_cast<std::uint16_t>(number_argument(argv[1], 65535));
  const auto upstream_port = static_cast<std::uint16_t>(number_argument(argv[2], 65535));
  remora::bench::Forwarder(listen_port, upstream_port).run();
}
