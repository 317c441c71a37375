#include "net/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace remora {
namespace {

// How much one connection may read in one turn before the others get theirs.
constexpr int kReadsPerTurn = 4;

}  // namespace

void Connection::adopt(int fd, std::unique_ptr<Transport> transport) {
  fd_ = fd;
  transport_ = std::move(transport);
  if (transport_ != nullptr) {
    handshaking_ = true;
    if (!connecting_) transport_->start(wire_);
  }
  reactor_.add(fd, *this);
}

void Connection::connect(int fd, std::unique_ptr<Transport> transport) {
  connecting_ = true;
  adopt(fd, std::move(transport));
}

void Connection::say_first(std::string_view bytes) {
  if (!bytes.empty()) (transport_ != nullptr ? wire_ : output_).append(bytes);
}

void Connection::write(BodyChunk chunk) {
  output_.append(chunk.bytes);
  if (!chunk.credit.empty()) credits_.push_back({written_ + unsent(), std::move(chunk.credit)});
  flush_soon();
}

void Connection::flush_soon() {
  if (flush_wanted_ || fd_ < 0) return;
  flush_wanted_ = true;
  reactor_.at_turn_end(*this);
}

void Connection::resume_reading() {
  paused_ = false;
  if (again_wanted_ || fd_ < 0 || connecting_) return;
  if (!read_missed_ && kept_.empty()) return;
  again_wanted_ = true;
  reactor_.again(*this);
}

void Connection::shutdown_write() {
  shutdown_wanted_ = true;
  if (fd_ < 0 || unsent() > 0) return;
  if (transport_ != nullptr) {
    flush_soon();
  } else {
    ::shutdown(fd_, SHUT_WR);
  }
}

void Connection::flush_now() {
  if (fd_ < 0 || !flush_wanted_) return;
  reactor_.forget(static_cast<TurnEndHandler&>(*this));
  on_turn_end();
}

void Connection::close() {
  if (fd_ < 0) return;
  if (transport_ != nullptr) say_goodbye();
  ::close(let_go());
}

void Connection::close_behind_last_words() {
  flush_now();
  if (fd_ < 0) return;
  if (transport_ != nullptr) say_goodbye();
  ::shutdown(fd_, SHUT_WR);
  reactor_.lingering().take(let_go());
}

int Connection::let_go() {
  if (flush_wanted_) reactor_.forget(static_cast<TurnEndHandler&>(*this));
  if (again_wanted_) reactor_.forget(static_cast<EventHandler&>(*this));
  output_.clear();
  wire_.clear();
  sealed_ = 0;
  if (!delivering_) kept_.clear();
  const int fd = std::exchange(fd_, -1);
  credits_.clear();
  first_credit_ = 0;
  return fd;
}

Address Connection::local_address() const {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (fd_ < 0 || getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&storage), length);
}

void Connection::on_events(uint32_t events) {
  if (fd_ < 0) return;
  if (connecting_) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) finish_connect();
    // What a server says first may have come with the same edge.
    if (fd_ < 0 || connecting_ || (events & EPOLLIN) == 0) return;
  }
  again_wanted_ = false;
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) peer_done_ = true;
  if ((events & EPOLLOUT) != 0 && write_blocked_) {
    write_blocked_ = false;
    if (!output_.empty() || !wire_.empty()) flush_soon();
  }
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0) return;
  if (held()) {
    read_missed_ = true;
    // A reset ends everything at once; a mere FIN is met when reading goes on.
    if ((events & EPOLLERR) != 0) {
      int error = 0;
      socklen_t length = sizeof(error);
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
      fail(error != 0 ? error : ECONNRESET);
    }
    return;
  }
  if (!kept_.empty()) deliver({});
  if (fd_ >= 0 && !held()) read_available(peer_done_);
}

void Connection::finish_connect() {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) {
    fail(error);
    return;
  }
  connecting_ = false;
  if (transport_ == nullptr) {
    if (!output_.empty()) flush_soon();
    owner_.on_connected();
    return;
  }
  transport_->start(wire_);
  flush_soon();
}

void Connection::read_available(bool to_the_end) {
  read_missed_ = false;
  if (transport_ != nullptr && transport_->state() == Transport::State::kEnded && !end_told_) {
    take_end();  // the peer's last word came while reading was paused
    return;
  }
  for (int round = 0; round < kReadsPerTurn; ++round) {
    const ssize_t got = ::recv(fd_, reactor_.scratch(), Reactor::kScratchBytes, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) fail(errno);
      return;
    }
    if (got == 0) {
      take_end();
      return;
    }
    const std::string_view bytes(reactor_.scratch(), static_cast<size_t>(got));
    if (transport_ == nullptr) {
      deliver(bytes);
    } else {
      decrypt(bytes);
    }
    if (fd_ < 0) return;
    if (held()) {
      read_missed_ = true;
      return;
    }
    // A short read has emptied the socket: the next byte brings a new edge. Saves the recv that would say
    // EAGAIN.
    if (static_cast<size_t>(got) < Reactor::kScratchBytes && !to_the_end) return;
  }
  again_wanted_ = true;
  reactor_.again(*this);
}

void Connection::take_end() {
  if (end_told_) return;
  if (transport_ != nullptr) {
    transport_->receive_end(wire_);
    if (transport_->state() == Transport::State::kFailed) {
      fail_transport();
      return;
    }
  }
  end_told_ = true;
  owner_.on_end();
}

void Connection::deliver(std::string_view bytes) {
  if (kept_.empty()) {
    const size_t used = owner_.on_bytes(bytes);
    if (fd_ >= 0 && used < bytes.size()) kept_.append(bytes.substr(used));
    return;
  }
  kept_.append(bytes);
  delivering_ = true;
  const size_t used = owner_.on_bytes(kept_.view());
  delivering_ = false;
  kept_.consume(fd_ >= 0 ? used : kept_.size());
}

void Connection::on_turn_end() {
  flush_wanted_ = false;
  if (fd_ < 0 || connecting_ || write_blocked_) return;
  if (transport_ != nullptr) {
    flush_transport();
    return;
  }
  if (output_.empty()) return;
  const auto before = output_.size();
  const uint64_t position = written_;
  if (!send_some(output_)) return;
  written_ += before - output_.size();
  tell_written(position);
}

/// Gives credits back for what has been written since `before`, and tells the owner.
void Connection::tell_written(uint64_t before) {
  release_credits();
  if (fd_ < 0) return;
  shut_down_if_due();
  if (fd_ >= 0) owner_.on_written(static_cast<size_t>(written_ - before), unsent() == 0);
}

void Connection::shut_down_if_due() {
  if (!shutdown_wanted_ || unsent() > 0) return;
  if (transport_ == nullptr || end_transport()) ::shutdown(fd_, SHUT_WR);
}

bool Connection::send_some(ByteQueue& queue) {
  while (!queue.empty()) {
    const auto bytes = queue.view();
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) {
        write_blocked_ = true;
        return true;
      }
      fail_write(errno);
      return false;
    }
    queue.consume(static_cast<size_t>(sent));
  }
  return true;
}

void Connection::release_credits() {
  while (first_credit_ < credits_.size() && credits_[first_credit_].until <= written_) {
    const Credit due = std::move(credits_[first_credit_++].credit);
  }
  if (first_credit_ == credits_.size()) {
    credits_.clear();
    first_credit_ = 0;
  }
}

void Connection::fail_write(int error) {
  output_.clear();
  wire_.clear();
  sealed_ = 0;
  credits_.clear();
  first_credit_ = 0;
  // The peer may have answered early and closed: what it said is still there to be read, and counts for more.
  if (!held()) read_available(true);
  if (fd_ >= 0) fail(error);
}

void Connection::fail(int error) {
  close();
  owner_.on_error(error);
}

}  // namespace remora
