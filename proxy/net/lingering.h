#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace remora {

class Reactor;

/// Sockets whose last bytes (an alert) have been sent and that are kept for a moment: the kernel answers
/// bytes that arrive at a closed socket with a reset, which takes away what the peer has not read yet. What
/// arrives is thrown away, until the peer closes, 64 KiB have come or half a second is over. A bounded
/// number; beyond it sockets are closed at once. Worker thread only, owned by its Reactor.
class LingeringSockets {
 public:
  explicit LingeringSockets(Reactor& reactor);
  ~LingeringSockets();
  LingeringSockets(const LingeringSockets&) = delete;
  LingeringSockets& operator=(const LingeringSockets&) = delete;

  /// Takes over a connected socket that the reactor knows for somebody else.
  void take(int fd);
  [[nodiscard]] size_t size() const { return sockets_.size(); }

  static constexpr size_t kMost = 256;

 private:
  class Socket;
  void release(Socket& socket);

  Reactor& reactor_;
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace remora
