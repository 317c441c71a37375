#pragma once

#include <memory>
#include <vector>

#include "watchdog/pulse.h"

namespace remora {

/// The watchdogs of the process: one of the main thread, one of the workers, and the thread that guards. To
/// be ended once the workers' threads have, before the workers.
class Watchdogs {
 public:
  /// The workers run already. `stats` outlives this.
  Watchdogs(const OverloadSettings& settings, StatsStore& stats, boost::asio::io_context& io,
            const std::vector<std::unique_ptr<Worker>>& workers);
  /// Nobody is watched any more: before threads are asked to end.
  void stop() { guard_->stop(); }

 private:
  std::unique_ptr<GuardThread> guard_;
  std::unique_ptr<MainPulse> main_;
  std::vector<std::unique_ptr<WorkerPulse>> pulses_;
};

}  // namespace remora
