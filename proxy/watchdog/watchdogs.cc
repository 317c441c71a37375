#include "watchdog/watchdogs.h"

#include <cstdlib>
#include <string>
#include <utility>

#include "log.h"
#include "remora/core/random.h"

namespace remora {
namespace {

/// A core dump shows where everybody stands.
void abort_process(const std::string& why) {
  log_error("main", "{}: the process ends", why);
  std::abort();
}

/// So that not all proxies that meet the same fault end at the same moment.
WatchdogSettings jittered(WatchdogSettings settings) {
  if (settings.kill.count() > 0 && settings.most_kill_jitter.count() > 0)
    settings.kill +=
        Milliseconds(Random().below(static_cast<uint64_t>(settings.most_kill_jitter.count()) + 1));
  return settings;
}

}  // namespace

Watchdogs::Watchdogs(const OverloadSettings& settings, StatsStore& stats, boost::asio::io_context& io,
                     const std::vector<std::unique_ptr<Worker>>& workers) {
  const auto now = std::chrono::steady_clock::now();
  std::vector<std::unique_ptr<Watchdog>> dogs;
  dogs.push_back(std::make_unique<Watchdog>("main_thread", jittered(settings.main_thread_watchdog), stats,
                                            abort_process));
  dogs.push_back(
      std::make_unique<Watchdog>("workers", jittered(settings.worker_watchdog), stats, abort_process));
  main_ = std::make_unique<MainPulse>(io, dogs[0]->watch("main_thread", now), dogs[0]->interval() / 2);
  for (size_t i = 0; i < workers.size(); ++i)
    pulses_.push_back(std::make_unique<WorkerPulse>(
        *workers[i], dogs[1]->watch("worker_" + std::to_string(i), now), dogs[1]->interval() / 2));
  guard_ = std::make_unique<GuardThread>(std::move(dogs));
  guard_->start();
}

}  // namespace remora
