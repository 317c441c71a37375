// Connection's other half: how bytes pass its Transport.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/connection.h"

namespace remora {
namespace {

// How much plain text is sealed before the kernel has taken what was sealed before: bounds what one slow peer
// holds.
constexpr size_t kSealBytes = 64 * 1024;

}  // namespace

void Connection::decrypt(std::string_view bytes) {
  const auto plain = transport_->receive(bytes, wire_);
  const auto state = transport_->state();
  // What could not be sealed before may go now.
  if (!wire_.empty() || !output_.empty()) flush_soon();
  if (handshaking_ && (state == Transport::State::kOpen || state == Transport::State::kEnded)) {
    handshaking_ = false;
    owner_.on_connected();
    if (fd_ < 0) return;
  }
  if (!plain.empty() && paused_) {
    kept_.append(plain);
    read_missed_ = true;
  } else if (!plain.empty()) {
    deliver(plain);
  }
  if (fd_ < 0) return;
  if (state == Transport::State::kFailed) {
    fail_transport();
  } else if (state == Transport::State::kEnded && !paused_) {
    take_end();
  }
}

void Connection::flush_transport() {
  const uint64_t before = written_;
  do {
    seal();
    if (transport_->state() == Transport::State::kFailed) {
      fail_transport();
      return;
    }
    if (wire_.empty()) break;
    if (!send_some(wire_)) return;
    if (write_blocked_) break;
    written_ += std::exchange(sealed_, 0);
  } while (!output_.empty());
  if (written_ != before) {
    tell_written(before);
  } else {
    shut_down_if_due();
  }
}

void Connection::seal() {
  if (handshaking_ || output_.empty() || wire_.size() >= kSealBytes) return;
  const size_t used = transport_->send(output_.view().substr(0, kSealBytes), wire_);
  output_.consume(used);
  sealed_ += used;
}

/// True when nothing is left to send, so that FIN may follow.
bool Connection::end_transport() {
  if (!std::exchange(goodbye_said_, true)) transport_->end(wire_);
  return send_some(wire_) && wire_.empty();
}

// Only where it is true: what was written and has not left is cut off, and the peer must not take that for
// the end.
void Connection::say_goodbye() {
  if (connecting_ || handshaking_ || unsent() > 0 || !wire_.empty()) return;
  if (std::exchange(goodbye_said_, true)) return;
  transport_->end(wire_);
  const auto bytes = wire_.view();
  if (!bytes.empty()) (void)::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void Connection::fail_transport() {
  goodbye_said_ = true;
  const auto alert = wire_.view();
  const bool told = !alert.empty() && ::send(fd_, alert.data(), alert.size(), MSG_NOSIGNAL) > 0;
  // A peer that is still talking would get a reset in place of the alert.
  if (told && !end_told_) reactor_.lingering().take(let_go());
  fail(EPROTO);
}

}  // namespace remora
