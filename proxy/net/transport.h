#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace remora {

class ByteQueue;
struct TlsInfo;

/// What stands between a socket's bytes and its owner's: wire bytes in, plain bytes out, and back. Knows no
/// socket and no clock; Connection moves the bytes. Worker thread only, for one connection.
///
/// Protocol of use: start() once the socket is connected; receive() for what arrives and send() for what is
/// to leave, in any order; end() at most once, after which nothing is sent any more. Each may append to
/// `wire` what the peer is to see. After a call that made state() kFailed only the bytes already in `wire`
/// (an alert) are worth sending.
class Transport {
 public:
  enum class State : uint8_t {
    kHandshake,  // no plain byte can flow yet
    kOpen,
    kEnded,   // the peer said that it sends no more; writing is still possible
    kFailed,  // failure() says why
  };

  virtual ~Transport() = default;

  virtual void start(ByteQueue& wire) = 0;
  /// Takes all of `bytes`, which must not exceed Reactor::kScratchBytes, and returns the plain bytes that
  /// they complete, in a buffer of the thread: valid until the next receive() of any transport.
  virtual std::string_view receive(std::string_view bytes, ByteQueue& wire) = 0;
  /// The socket's end. Without the peer's word before it (kEnded) somebody may have cut the connection:
  /// state() becomes kFailed.
  virtual void receive_end(ByteQueue& wire) = 0;
  /// Returns how many of `plain` went into `wire`; fewer than all only while the peer has to speak first.
  virtual size_t send(std::string_view plain, ByteQueue& wire) = 0;
  /// Tells the peer that nothing follows.
  virtual void end(ByteQueue& wire) = 0;

  [[nodiscard]] virtual State state() const = 0;
  /// What the handshake agreed on; null before that.
  [[nodiscard]] virtual std::shared_ptr<const TlsInfo> info() const = 0;
  /// In Envoy's form, "TLS_error:|<code>:<library>:<function>:<reason>:TLS_error_end"; "" while all is well.
  [[nodiscard]] virtual std::string_view failure() const = 0;
};

}  // namespace remora
