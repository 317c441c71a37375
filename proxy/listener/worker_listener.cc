#include "listener/worker_listener.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "listener/connection_balance.h"
#include "log.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {
namespace {

// How many connections one listener may take in one turn before established ones get theirs.
constexpr uint32_t kAcceptsPerTurn = 64;
// How long a listener looks away that must not accept.
constexpr Milliseconds kPause{100};

Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

}  // namespace

WorkerListener::WorkerListener(Worker& worker, std::shared_ptr<const ListenerRuntime> runtime)
    : worker_(worker),
      again_timer_(timer_calls<&WorkerListener::on_accept_again>, this) {
  update(std::move(runtime));
}

WorkerListener::~WorkerListener() {
  leave_balance();
  for (const int socket : sockets_) ::close(socket);
}

bool WorkerListener::update(std::shared_ptr<const ListenerRuntime> runtime) {
  leave_balance();
  auto old = std::exchange(chains_, {});
  chains_.reserve(runtime->chains.size());
  for (const auto& chain : runtime->chains) {
    if (chain.heir_of < old.size()) {
      chains_.push_back(std::exchange(old[chain.heir_of], {}));
      chains_.back()->update(chain.runtime);
    } else {
      chains_.emplace_back(new WorkerChain(chain.runtime, worker_));
    }
  }
  runtime_ = std::move(runtime);
  stats_ = &runtime_->stats->block(worker_.shard());
  if (runtime_->balance) runtime_->balance->join(worker_, *stats_);
  bool any = false;
  for (const auto& chain : old) {
    if (!chain) continue;
    chain->retire();
    any = true;
  }
  return any;
}

void WorkerListener::retire() {
  retired_ = true;
  for (const auto& chain : chains_) chain->retire();
}

const LocalRef<WorkerChain>& WorkerListener::choose(const AcceptedSocket& socket) const {
  static thread_local const LocalRef<WorkerChain> kNothing;
  const size_t found =
      runtime_->choose({socket.local, socket.direct_remote, socket.speaks_for(), socket.server_name,
                        socket.transport_protocol, socket.application_protocols});
  return found < chains_.size() ? chains_[found] : kNothing;
}

void WorkerListener::listen(std::vector<int> sockets) {
  sockets_ = std::move(sockets);
  for (const int socket : sockets_) worker_.reactor().add_level(socket, *this);
}

void WorkerListener::leave_balance() {
  if (runtime_ != nullptr && runtime_->balance) runtime_->balance->leave(worker_);
}

void WorkerListener::stop() {
  leave_balance();
  for (const int socket : sockets_) {
    worker_.reactor().remove(socket);
    while (accept_one(socket)) {}
    ::close(socket);
  }
  sockets_.clear();
  again_timer_.cancel();
}

void WorkerListener::on_events(uint32_t /*events*/) {
  const auto& overload = runtime_->guards.overload;
  if (overload != nullptr && overload->saturated(OverloadMeasure::kStopAcceptingConnections)) {
    look_away();  // clients wait in the kernel
    return;
  }
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
    const int error = errno;
    if ((error == EMFILE || error == ENFILE) && make_room()) return true;
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) pause_accepting();
    return error == ECONNABORTED || error == EINTR;
  }
  AcceptedSocket accepted;
  accepted.fd = fd;
  accepted.direct_remote = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&storage), length);
  if (!admit(accepted)) return true;
  accepted.local = local_address(fd);
  if (!runtime_->balance || !runtime_->balance->hand_over(worker_, config().name, accepted))
    worker_.accept(LocalRef<WorkerListener>(this), std::move(accepted));
  return true;
}

// A client that comes is worth more than connections to upstreams that rest, of this worker at least.
bool WorkerListener::make_room() {
  const size_t closed = worker_.close_resting();
  if (closed > 0) {
    log_warn("listener", "listener '{}': out of file descriptors, closed {} idle connections to upstreams",
             config().name, closed);
  }
  return closed > 0;
}

/// Gives the connection its place among all, or closes it.
bool WorkerListener::admit(AcceptedSocket& socket) {
  const auto& [overload, limit] = runtime_->guards;
  std::optional<size_t> refused;
  if (limit != nullptr) {
    socket.place = limit->take(config().ignores_connection_limit);
    if (socket.place == nullptr) refused = kListenerGlobalCxOverflow;
  }
  if (overload != nullptr && !refused &&
      (overload->sheds(OverloadMeasure::kTcpListenerAccept, worker_.random(), worker_.shard()) ||
       overload->befalls(OverloadMeasure::kRejectIncomingConnections, worker_.random())))
    refused = kListenerCxOverloadReject;
  if (!refused) return true;
  stats_->add(*refused);
  ::close(socket.fd);
  return false;
}

// Out of descriptors: the listening socket stays readable, so look away for a moment instead of spinning.
void WorkerListener::pause_accepting() {
  log_warn("listener", "listener '{}': out of file descriptors, not accepting for {} ms", config().name,
           kPause.count());
  stats_->add(kListenerCxOverflow);
  look_away();
}

void WorkerListener::look_away() {
  for (const int socket : sockets_) worker_.reactor().remove(socket);
  worker_.arm(again_timer_, kPause);
}

void WorkerListener::on_accept_again() {
  for (const int socket : sockets_) worker_.reactor().add_level(socket, *this);
}

}  // namespace remora
