#include "tls/tls_transport.h"

#include <openssl/err.h>

#include <utility>

#include "net/byte_queue.h"
#include "net/reactor.h"
#include "tls/handshake_info.h"
#include "tls/openssl_error.h"

namespace remora {
namespace {

// Plain text never exceeds the wire bytes it came in, and those are what one call brings and the one record
// that was incomplete before.
constexpr size_t kRecordBytes = 16 * 1024 + 512;
constexpr size_t kPlainBytes = Reactor::kScratchBytes + kRecordBytes;
// A record's header, padding and tag, for sizing buffers.
constexpr size_t kRecordOverhead = 64;
// Answers to a peer that asks (key updates) and does not read what it gets.
constexpr size_t kMostWireBytes = 512 * 1024;

char* plain_scratch() {
  thread_local const std::unique_ptr<char[]> scratch(new char[kPlainBytes]);
  return scratch.get();
}

int index_of_transport() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

}  // namespace

/// Lends the bytes of one call to the BIO. Errors of whoever used OpenSSL before on this thread go: they
/// would be taken for this connection's.
class TlsTransport::Call {
 public:
  Call(TlsTransport& transport, std::string_view in, ByteQueue& out) : bytes_(transport.bytes_) {
    ERR_clear_error();
    bytes_.in = in;
    bytes_.out = &out;
  }
  ~Call() {
    bytes_.in = {};
    bytes_.out = nullptr;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  WireBytes& bytes_;
};

TlsTransport::TlsTransport(SslPtr ssl, std::shared_ptr<const TlsContext> context, Handshake handshake)
    : context_(std::move(context)),
      ssl_(std::move(ssl)),
      handshake_(std::move(handshake)) {
  BIO* bio = make_wire_bio(bytes_).release();
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_ex_data(ssl_.get(), index_of_transport(), this);
}

// OpenSSL forbids the resumption of a session whose connection goes without a close_notify. Since TLS 1.1
// there is no reason for that (RFC 4346 section 7.2.1), and a peer's session would be lost with every cut.
TlsTransport::~TlsTransport() {
  if (state_ != State::kFailed) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

TlsTransport& TlsTransport::of(const SSL* ssl) {
  return *static_cast<TlsTransport*>(SSL_get_ex_data(ssl, index_of_transport()));
}

void TlsTransport::start(ByteQueue& wire) {
  const Call call(*this, {}, wire);
  if (SSL_is_server(ssl_.get()) == 0) shake_hands();
}

std::string_view TlsTransport::receive(std::string_view bytes, ByteQueue& wire) {
  if (state_ == State::kEnded || state_ == State::kFailed) return {};
  const Call call(*this, bytes, wire);
  if (state_ == State::kHandshake && !shake_hands()) return {};
  const auto plain = read_plain();
  if (wire.size() > kMostWireBytes && state_ != State::kFailed) {
    state_ = State::kFailed;
    failure_ = take_transport_failure("the peer does not read");
  }
  return plain;
}

void TlsTransport::receive_end(ByteQueue& wire) {
  if (state_ == State::kEnded || state_ == State::kFailed) return;
  const Call call(*this, {}, wire);
  bytes_.ended = true;
  if (state_ == State::kHandshake) {
    shake_hands();
  } else {
    read_plain();
  }
}

size_t TlsTransport::send(std::string_view plain, ByteQueue& wire) {
  if (state_ == State::kFailed || state_ == State::kHandshake || plain.empty()) return 0;
  const Call call(*this, {}, wire);
  wire.reserve(plain.size() + (plain.size() / SSL3_RT_MAX_PLAIN_LENGTH + 1) * kRecordOverhead);
  size_t used = 0;
  const int result = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &used);
  if (result == 1) return used;
  if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail();
  return 0;
}

void TlsTransport::end(ByteQueue& wire) {
  if (state_ == State::kFailed || state_ == State::kHandshake) return;
  const Call call(*this, {}, wire);
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

bool TlsTransport::shake_hands() {
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    finish_handshake();
    return true;
  }
  if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) fail();
  return false;
}

std::string_view TlsTransport::read_plain() {
  char* const plain = plain_scratch();
  size_t total = 0;
  while (total < kPlainBytes) {
    size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), plain + total, kPlainBytes - total, &got);
    if (result == 1) {
      total += got;
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), result);
    if (error == SSL_ERROR_ZERO_RETURN) {
      state_ = State::kEnded;
    } else if (error != SSL_ERROR_WANT_READ) {
      fail();
    }
    break;
  }
  return {plain, total};
}

void TlsTransport::finish_handshake() {
  state_ = State::kOpen;
  info_ = handshake_info(ssl_.get(), *this);
  count_handshake(ssl_.get(), *this);
  handshake_.expected_sans = {};
}

void TlsTransport::fail() {
  state_ = State::kFailed;
  count_failure(handshake_, *context_);
  failure_ = take_transport_failure(handshake_.failure);
}

}  // namespace remora
