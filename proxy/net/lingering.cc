#include "net/lingering.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/reactor.h"

namespace remora {
namespace {

constexpr Milliseconds kLongest{500};
constexpr size_t kMostBytes = 64 * 1024;

}  // namespace

class LingeringSockets::Socket final : public Disposable, private EventHandler {
 public:
  Socket(LingeringSockets& owner, int fd)
      : owner_(owner),
        fd_(fd),
        timer_(timer_calls<&Socket::on_timeout>, this) {
    ::shutdown(fd, SHUT_WR);
    owner_.reactor_.remove(fd);
    owner_.reactor_.add(fd, *this);
    owner_.reactor_.arm(timer_, kLongest);
  }
  ~Socket() override { close(); }

 private:
  void on_events(uint32_t /*events*/) override {
    while (fd_ >= 0) {
      const ssize_t got = ::recv(fd_, owner_.reactor_.scratch(), Reactor::kScratchBytes, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got > 0) thrown_away_ += static_cast<size_t>(got);
      if (got <= 0 || thrown_away_ >= kMostBytes) finish();
    }
  }
  void on_timeout() { finish(); }
  void finish() {
    close();
    owner_.release(*this);
  }
  void close() {
    timer_.cancel();
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  LingeringSockets& owner_;
  int fd_;
  Timer timer_;
  size_t thrown_away_ = 0;
};

LingeringSockets::LingeringSockets(Reactor& reactor) : reactor_(reactor) {}
LingeringSockets::~LingeringSockets() = default;

void LingeringSockets::take(int fd) {
  if (sockets_.size() >= kMost) {
    ::close(fd);
    return;
  }
  sockets_.push_back(std::make_unique<Socket>(*this, fd));
}

void LingeringSockets::release(Socket& socket) {
  const auto found =
      std::ranges::find_if(sockets_, [&](const auto& candidate) { return candidate.get() == &socket; });
  std::unique_ptr<Socket> gone = std::move(*found);
  *found = std::move(sockets_.back());
  sockets_.pop_back();
  reactor_.dispose(std::move(gone));
}

}  // namespace remora
