#pragma once

#include <memory>
#include <vector>

#include "listener/accepted_socket.h"
#include "listener/chain_runtime.h"
#include "listener/worker_chain.h"
#include "local_ref.h"
#include "net/reactor.h"
#include "net/timer_wheel.h"

namespace remora {

class Worker;

/// One listener on one worker: its own listening sockets (SO_REUSEPORT spreads connections over workers),
/// accepted a bounded number a turn, and its filter chains. Connections hold it; removing it closes the
/// sockets and drains them.
class WorkerListener final : public LocalCounted, private EventHandler {
 public:
  WorkerListener(Worker& worker, std::shared_ptr<const ListenerRuntime> runtime);
  ~WorkerListener() override;

  /// Takes over bound, listening, non-blocking sockets and accepts from them.
  void listen(std::vector<int> sockets);
  /// The next version, on the same sockets: chains that it inherits go on. True if others were retired.
  bool update(std::shared_ptr<const ListenerRuntime> runtime);
  /// Takes what already waits to be accepted, then closes the sockets.
  void stop();
  /// All its chains leave.
  void retire();

  /// The chain for a connection by the newest configuration; empty: none matches.
  [[nodiscard]] const LocalRef<WorkerChain>& choose(const AcceptedSocket& socket) const;
  [[nodiscard]] bool retired() const { return retired_; }
  [[nodiscard]] const ListenerConfig& config() const { return *runtime_->config; }
  /// As configured.
  template <typename Visit>
  void each_address(Visit visit) const {
    visit(config().address);
    for (const auto& address : config().additional_addresses) visit(address);
  }
  [[nodiscard]] const std::shared_ptr<const ListenerRuntime>& shared_runtime() const { return runtime_; }
  [[nodiscard]] StatBlock& stats() const { return *stats_; }

 private:
  void on_events(uint32_t events) override;
  /// False when there is nothing more to accept.
  bool accept_one(int socket);
  void leave_balance();
  bool make_room();
  [[nodiscard]] bool admit(AcceptedSocket& socket);
  void pause_accepting();
  void look_away();
  void on_accept_again();

  Worker& worker_;
  std::shared_ptr<const ListenerRuntime> runtime_;
  std::vector<LocalRef<WorkerChain>> chains_;  // as in the runtime
  StatBlock* stats_ = nullptr;
  std::vector<int> sockets_;
  Timer again_timer_;
  bool retired_ = false;
};

}  // namespace remora
