#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/byte_queue.h"
#include "net/reactor.h"
#include "remora/core/address.h"
#include "remora/http/stream.h"

namespace remora {

/// Whoever reads from and writes to a Connection: the downstream or the upstream side's owner of a codec.
class ConnectionOwner {
 public:
  /// Only after Connection::connect(): the peer has answered.
  virtual void on_connected() {}
  /// New bytes. Returns how many were used up; the rest is kept and shown again in front of what comes next.
  virtual size_t on_bytes(std::string_view bytes) = 0;
  /// The peer sends no more (FIN). Writing is still possible.
  virtual void on_end() = 0;
  /// The connection failed (`error` is an errno) and is closed.
  virtual void on_error(int error) = 0;
  /// `bytes` more have been given to the kernel; `all`: nothing is left to write.
  virtual void on_written(size_t bytes, bool all) = 0;

 protected:
  ~ConnectionOwner() = default;
};

/// One socket of a worker: reads into the worker's scratch buffer, keeps only what the owner did not use,
/// gathers output and sends it once at the end of the turn. Chunks of bodies keep their credits here until
/// the kernel has taken them. Owned by its owner; after close() no callback comes any more.
class Connection final : private EventHandler, private TurnEndHandler {
 public:
  Connection(Reactor& reactor, ConnectionOwner& owner) : reactor_(reactor), owner_(owner) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Takes over a connected, non-blocking socket.
  void adopt(int fd);
  /// Starts connecting; on_connected() or on_error() follows, never from within. Returns 0 or an errno.
  int connect(const Address& address);

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
  void close();
  [[nodiscard]] bool closed() const { return fd_ < 0; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] size_t unsent() const { return output_.size(); }
  [[nodiscard]] Address local_address() const;

 private:
  struct HeldCredit {
    uint64_t until;  // position in the output stream behind which it is due
    Credit credit;
  };

  void on_events(uint32_t events) override;
  void on_turn_end() override;
  void finish_connect();
  void read_available(bool to_the_end);
  void deliver(std::string_view bytes);
  bool send_some();
  void release_credits();
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
  ByteQueue output_;
  ByteQueue kept_;
  uint64_t written_ = 0;  // position in the output stream
  std::vector<HeldCredit> credits_;
  size_t first_credit_ = 0;
};

}  // namespace remora
