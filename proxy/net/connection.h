#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "net/byte_queue.h"
#include "net/reactor.h"
#include "net/transport.h"
#include "remora/core/address.h"
#include "remora/http/stream.h"

namespace remora {

/// Whoever reads from and writes to a Connection: the downstream or the upstream side's owner of a codec.
class ConnectionOwner {
 public:
  /// Plain bytes can flow: the peer has answered (after Connection::connect()), and the transport, if there
  /// is one, has shaken hands (after adopt() as well). Not for adopted plain sockets.
  virtual void on_connected() {}
  /// New bytes. Returns how many were used up; the rest is kept and shown again in front of what comes next.
  virtual size_t on_bytes(std::string_view bytes) = 0;
  /// The peer sends no more (FIN). Writing is still possible.
  virtual void on_end() = 0;
  /// The connection failed (`error` is an errno) and is closed. EPROTO: the transport failed, and
  /// Connection::transport_failure() says how; also when the peer's end came without its word for it.
  virtual void on_error(int error) = 0;
  /// `bytes` more have been given to the kernel; `all`: nothing is left to write.
  virtual void on_written(size_t bytes, bool all) = 0;

 protected:
  ~ConnectionOwner() = default;
};

/// One socket of a worker: reads into the worker's scratch buffer, keeps only what the owner did not use,
/// gathers output and sends it once at the end of the turn. Chunks of bodies keep their credits here until
/// the kernel has taken them. Owned by its owner; after close() no callback comes any more.
///
/// With a Transport, `wire_` stands between output() and the socket: plain bytes are sealed into it in pieces
/// of a bounded size, and count as written when the kernel has taken all of it.
class Connection final : private EventHandler, private TurnEndHandler {
 public:
  Connection(Reactor& reactor, ConnectionOwner& owner) : reactor_(reactor), owner_(owner) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes over a connected, non-blocking socket. `transport` null: plain text.
  void adopt(int fd, std::unique_ptr<Transport> transport = nullptr);
  /// Takes over a non-blocking socket that is connecting (dial()); on_connected() or on_error() follows,
  /// never from within.
  void connect(int fd, std::unique_ptr<Transport> transport = nullptr);

  /// Right behind connect(): what the peer is to hear before all else, in plain text below any transport.
  void say_first(std::string_view bytes);

  /// Output waiting to be sent. Append, then call flush_soon().
  ByteQueue& output() { return output_; }
  /// Appends body bytes and keeps their credit until they are written.
  void write(BodyChunk chunk);
  void flush_soon();

  void pause_reading() { paused_ = true; }
  /// Goes on reading, in the next turn, and shows kept bytes again.
  void resume_reading();
  [[nodiscard]] bool reading_paused() const { return paused_; }
  /// How many received bytes the owner has not used yet.
  [[nodiscard]] size_t kept_bytes() const { return kept_.size(); }

  /// Sends FIN behind what has been written.
  void shutdown_write();
  /// Gives the kernel at once what it takes of the output, instead of at the end of the turn: for last words.
  void flush_now();
  /// Closes now. With a transport the peer is told that this is the end, if all that was written has left.
  void close();
  /// The same, behind last words that the peer is to hear even if it is still talking (LingeringSockets).
  void close_behind_last_words();
  [[nodiscard]] bool closed() const { return fd_ < 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] size_t unsent() const { return output_.size() + sealed_; }
  [[nodiscard]] Address local_address() const;
  /// What the TLS handshake agreed on: null for plain text and before its end. Lives as long as the
  /// connection; shared_tls() as long as somebody holds it.
  [[nodiscard]] const TlsInfo* tls() const { return shared_tls().get(); }
  [[nodiscard]] std::shared_ptr<const TlsInfo> shared_tls() const {
    return transport_ ? transport_->info() : nullptr;
  }
  /// Why the transport failed, as Envoy words it; "" if it did not.
  [[nodiscard]] std::string_view transport_failure() const {
    return transport_ ? transport_->failure() : std::string_view{};
  }

 private:
  struct HeldCredit {
    uint64_t until;  // position in the output stream behind which it is due
    Credit credit;
  };

  void on_events(uint32_t events) override;
  void on_turn_end() override;
  /// Whether reading waits for the owner. A handshake does not: the owner has nothing to do with its bytes.
  [[nodiscard]] bool held() const { return paused_ && !handshaking_; }
  void finish_connect();
  void read_available(bool to_the_end);
  void take_end();
  void deliver(std::string_view bytes);
  bool send_some(ByteQueue& bytes);
  void release_credits();
  void tell_written(uint64_t before);
  void shut_down_if_due();
  // With a transport (transport_flow.cc).
  void decrypt(std::string_view bytes);
  void flush_transport();
  void seal();
  bool end_transport();
  void say_goodbye();
  void fail_transport();
  /// Forgets the socket, which is the caller's from now on, and all that was to be done with it.
  int let_go();
  void fail_write(int error);
  void fail(int error);

  Reactor& reactor_;
  ConnectionOwner& owner_;
  int fd_ = -1;
  bool connecting_ = false;
  bool paused_ = false;
  bool read_missed_ = false;  // an edge came while reading was paused
  bool peer_done_ = false;    // RDHUP seen: read to the end without trusting short reads
  bool end_told_ = false;
  bool write_blocked_ = false;
  bool flush_wanted_ = false;
  bool shutdown_wanted_ = false;
  bool again_wanted_ = false;
  bool delivering_ = false;
  bool handshaking_ = false;
  bool goodbye_said_ = false;
  std::unique_ptr<Transport> transport_;  // null: plain text
  ByteQueue output_;
  ByteQueue kept_;
  ByteQueue wire_;        // sealed by the transport, not yet sent
  size_t sealed_ = 0;     // bytes of the output stream that are in wire_
  uint64_t written_ = 0;  // position in the output stream
  std::vector<HeldCredit> credits_;
  size_t first_credit_ = 0;
};

}  // namespace remora
