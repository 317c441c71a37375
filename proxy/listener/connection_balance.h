#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "listener/accepted_socket.h"

namespace remora {

class StatBlock;
class Worker;

/// Gives each connection of one listener to the worker that has the fewest of them, whichever the kernel
/// gave it to. Shared by all workers; thread-safe. Source: Envoy, connection_balance_config.exact_balance.
class ConnectionBalance : public std::enable_shared_from_this<ConnectionBalance> {
 public:
  /// `stats`: of the listener, the worker's own shard.
  void join(Worker& worker, const StatBlock& stats);
  void leave(const Worker& worker);

  /// True if another worker has fewer connections than `worker`, which accepted this one: it gets the socket.
  bool hand_over(const Worker& worker, const std::string& listener, const AcceptedSocket& socket);

 private:
  struct Member {
    Worker* worker = nullptr;
    const StatBlock* stats = nullptr;
    size_t coming = 0;  // handed over, and not yet there
  };
  static size_t load(const Member& member);
  void arrived(const Worker& worker);

  std::mutex mutex_;
  std::vector<Member> members_;
};

}  // namespace remora
