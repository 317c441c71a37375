#pragma once

#include <memory>
#include <string>
#include <vector>

#include "local_ref.h"
#include "net/reactor.h"
#include "net/timer_wheel.h"
#include "remora/config/listener.h"
#include "worker_http.h"

namespace remora {

class Worker;

/// One listener on one worker: its own listening sockets (SO_REUSEPORT spreads connections over workers),
/// accepted a bounded number a turn. Connections hold it; removing it closes the sockets and drains them.
class WorkerListener final : public LocalCounted, private EventHandler {
 public:
  WorkerListener(Worker& worker, std::shared_ptr<const ListenerRuntime> runtime);
  ~WorkerListener() override;

  /// Takes over bound, listening, non-blocking sockets and accepts from them.
  void listen(std::vector<int> sockets);
  /// The same addresses with a changed configuration: live connections get it at their next request.
  void update(std::shared_ptr<const ListenerRuntime> runtime);
  /// Takes what already waits to be accepted, then closes the sockets.
  void stop();

  [[nodiscard]] const ListenerConfig& config() const { return *http_->runtime().config; }
  [[nodiscard]] const LocalRef<WorkerHttp>& http() const { return http_; }
  [[nodiscard]] StatBlock& stats() const { return *stats_; }
  [[nodiscard]] StatBlock& worker_stats() const { return *worker_stats_; }

 private:
  void on_events(uint32_t events) override;
  /// False when there is nothing more to accept.
  bool accept_one(int socket);
  void pause_accepting();
  void on_accept_again();

  Worker& worker_;
  LocalRef<WorkerHttp> http_;
  StatBlock* stats_;
  StatBlock* worker_stats_;
  std::vector<int> sockets_;
  Timer again_timer_;
};

}  // namespace remora
