#include "listener/pending_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "listener/connection_log.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {
namespace {

constexpr Milliseconds kPatienceOfDrain{1000};

}  // namespace

PendingSocket::PendingSocket(Worker& worker, LocalRef<WorkerListener> listener, AcceptedSocket socket)
    : WorkerConnection(std::move(listener), {}),
      worker_(worker),
      runtime_(listener_->shared_runtime()),
      socket_(std::move(socket)),
      run_(*runtime_->config, runtime_->filter_stats, worker.shard(), socket_),
      timer_(timer_calls<&PendingSocket::on_timeout>, this) {
  stats().add(kListenerPreCxActive);
}

PendingSocket::~PendingSocket() {
  if (socket_.fd >= 0) ::close(socket_.fd);
}

void PendingSocket::start() {
  if (inspect({}) == Next::kOver) return;
  worker_.reactor().add(socket_.fd, *this);
  const auto timeout = runtime_->config->listener_filters_timeout;
  if (timeout.count() > 0 && !timer_.armed()) worker_.arm(timer_, timeout);
}

void PendingSocket::on_events(uint32_t events) {
  const bool last = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  while (!ended_) {
    char* buffer = worker_.reactor().scratch();
    const ssize_t got = ::recv(socket_.fd, buffer, Reactor::kScratchBytes, MSG_PEEK);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    const auto next = got <= 0 ? Next::kWait : inspect({buffer, static_cast<size_t>(got)});
    if (next == Next::kLookAgain) continue;
    if (next == Next::kWait && (got <= 0 || last)) {  // what is missing will never come
      stats().add(got < 0 ? kListenerFilterError : kListenerFilterRemoteClose);
      end();
    }
    return;
  }
}

PendingSocket::Next PendingSocket::inspect(std::string_view bytes) {
  switch (run_.advance(bytes)) {
    case ListenerFilterRun::Step::kMore: return Next::kWait;
    case ListenerFilterRun::Step::kConsume: break;
    case ListenerFilterRun::Step::kDone: go_on(); return Next::kOver;
    case ListenerFilterRun::Step::kRefuse: end(); return Next::kOver;
  }
  // Seen a moment ago, so it is there.
  const ssize_t taken = ::recv(socket_.fd, worker_.reactor().scratch(), run_.consumed(), 0);
  if (taken != static_cast<ssize_t>(run_.consumed())) {
    stats().add(kListenerFilterError);
    end();
    return Next::kOver;
  }
  // Filters that need no bytes go on at once: the client may wait to be spoken to.
  return inspect({}) == Next::kOver ? Next::kOver : Next::kLookAgain;
}

void PendingSocket::go_on() {
  worker_.reactor().remove(socket_.fd);
  auto socket = std::move(socket_);
  socket_.fd = -1;
  const auto listener = listener_;
  end();
  worker_.begin_connection(listener, std::move(socket));
}

void PendingSocket::on_timeout() {
  stats().add(kListenerPreCxTimeout);
  if (runtime_->config->continue_on_listener_filters_timeout) {
    go_on();
  } else {
    end();
  }
}

// What has been sent already may still come; more is not waited for.
void PendingSocket::drain(Milliseconds /*at_most*/) { worker_.arm(timer_, kPatienceOfDrain); }
void PendingSocket::close_now() { end(); }

void PendingSocket::end() {
  if (std::exchange(ended_, true)) return;
  timer_.cancel();
  if (socket_.fd >= 0) {
    log_unserved(worker_, *listener_, socket_, ResponseFlag::kNone, {});
    ::close(std::exchange(socket_.fd, -1));
  }
  stats().sub(kListenerPreCxActive);
  worker_.remove_connection(*this);
}

}  // namespace remora
