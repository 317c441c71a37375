#pragma once

#include "listener/accepted_socket.h"
#include "listener/filter_run.h"
#include "net/reactor.h"
#include "net/timer_wheel.h"
#include "worker_connection.h"

namespace remora {

class Worker;

/// A connection whose listener filters still look at its first bytes. Those stay in the kernel (MSG_PEEK), so
/// that it holds no buffer; what a PROXY header takes is read off. Ends by becoming a real connection, or by
/// listener_filters_timeout.
class PendingSocket final : public WorkerConnection, private EventHandler {
 public:
  PendingSocket(Worker& worker, LocalRef<WorkerListener> listener, AcceptedSocket socket);
  ~PendingSocket() override;

  /// Looks at what is there already. Once the worker owns it.
  void start();

  void drain(Milliseconds at_most) override;
  void close_now() override;

 private:
  void on_events(uint32_t events) override;
  enum class Next : uint8_t { kWait, kLookAgain, kOver };
  Next inspect(std::string_view bytes);
  void go_on();
  void on_timeout();
  void end();
  [[nodiscard]] StatBlock& stats() const { return listener_->stats(); }

  Worker& worker_;
  std::shared_ptr<const ListenerRuntime> runtime_;  // the version that it began with
  AcceptedSocket socket_;
  ListenerFilterRun run_;
  Timer timer_;
  bool ended_ = false;
};

}  // namespace remora
