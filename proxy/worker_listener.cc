#include "worker_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "log.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {
namespace {

// How many connections one listener may take in one turn before established ones get theirs.
constexpr uint32_t kAcceptsPerTurn = 64;
constexpr Milliseconds kPauseWithoutDescriptors{100};

}  // namespace

WorkerListener::WorkerListener(Worker& worker, std::shared_ptr<const ListenerRuntime> runtime)
    : worker_(worker),
      again_timer_(timer_calls<&WorkerListener::on_accept_again>, this) {
  update(std::move(runtime));
}

WorkerListener::~WorkerListener() {
  for (const int socket : sockets_) ::close(socket);
}

void WorkerListener::update(std::shared_ptr<const ListenerRuntime> runtime) {
  stats_ = &runtime->stats->block(worker_.shard());
  worker_stats_ = &runtime->worker_stats[worker_.shard() - 1]->block(worker_.shard());
  http_ = LocalRef<WorkerHttp>(new WorkerHttp(std::move(runtime), worker_.shard()));
}

void WorkerListener::listen(std::vector<int> sockets) {
  sockets_ = std::move(sockets);
  for (const int socket : sockets_) worker_.reactor().add_level(socket, *this);
}

void WorkerListener::stop() {
  for (const int socket : sockets_) {
    worker_.reactor().remove(socket);
    while (accept_one(socket)) {}
    ::close(socket);
  }
  sockets_.clear();
  again_timer_.cancel();
}

void WorkerListener::on_events(uint32_t /*events*/) {
  const auto configured = config().max_connections_per_accept;
  const uint32_t most = configured > 0 ? configured : kAcceptsPerTurn;
  for (const int socket : sockets_) {
    for (uint32_t i = 0; i < most && accept_one(socket); ++i) {}
  }
}

bool WorkerListener::accept_one(int socket) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  const int fd =
      ::accept4(socket, reinterpret_cast<sockaddr*>(&storage), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) pause_accepting();
    return errno == ECONNABORTED || errno == EINTR;
  }
  worker_.add_connection(LocalRef<WorkerListener>(this), fd,
                         Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), length));
  return true;
}

// Out of descriptors: the listening socket stays readable, so look away for a moment instead of spinning.
void WorkerListener::pause_accepting() {
  log_warn("listener", "listener '{}': out of file descriptors, not accepting for {} ms", config().name,
           kPauseWithoutDescriptors.count());
  stats_->add(kListenerCxOverflow);
  for (const int socket : sockets_) worker_.reactor().remove(socket);
  worker_.arm(again_timer_, kPauseWithoutDescriptors);
}

void WorkerListener::on_accept_again() {
  for (const int socket : sockets_) worker_.reactor().add_level(socket, *this);
}

}  // namespace remora
