#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "remora/config/bootstrap.h"

namespace remora {

class Worker;
struct DrainRequest;
struct DrainState;

/// How traffic leaves: what is told to go elsewhere, in which order, and when the process may end.
///
/// With Options::DrainOrder::kInboundFirst, for sidecars, the end has two parts. First the inbound side
/// drains, which goes on accepting for the minimum drain time, since some clients have not heard yet; all
/// else goes on as it is, because the application still calls others while it ends. The second part is
/// everybody's: nothing is accepted, what is under way is finished. It begins when no connection of the
/// mesh's traffic is left. All of it is over after the drain time. Main thread only.
class Draining {
 public:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  /// All outlive this. `over`: the process may end.
  Draining(boost::asio::io_context& io, const Options& options, const Workers& workers,
           std::function<void()> over);

  /// /healthcheck/fail and /healthcheck/ok.
  void set_health_check_failed(bool failed);
  void drain_listeners(const DrainRequest& request);
  /// /drain: the pod is about to end. Health checks fail and the inbound side drains, without an end to it.
  void drain_inbound();
  /// The process ends. The second time, at once.
  void begin_exit();

  /// Whether health checks are told to go elsewhere.
  [[nodiscard]] bool announced() const { return health_check_failed_ || inbound_drains_ || exiting_; }

 private:
  using Clock = std::chrono::steady_clock;

  /// All connections, or those of the mesh's traffic only.
  enum class Which { kAll, kTraffic };

  void drain_workers(bool inbound_only, bool gradual, bool stop_accepting);
  void tell_workers(DrainState drain, bool stop_accepting);
  void let_application_end();
  void finish();
  void await_last();
  void ask_busy(Which which, std::function<void(size_t busy)> then);
  void soon(void (Draining::*what)());
  [[nodiscard]] bool time_is_over() const { return Clock::now() >= deadline_; }

  boost::asio::io_context& io_;
  const Options& options_;
  const Workers& workers_;
  const std::function<void()> over_;
  boost::asio::steady_timer listeners_timer_;
  boost::asio::steady_timer exit_timer_;
  bool health_check_failed_ = false;
  bool inbound_drains_ = false;
  bool inbound_closed_ = false;
  bool exiting_ = false;
  Clock::time_point inbound_since_{};
  Clock::time_point deadline_{};
};

}  // namespace remora
