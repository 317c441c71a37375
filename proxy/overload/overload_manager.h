#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "overload/resource_monitor.h"
#include "remora/config/overload.h"
#include "remora/core/stats.h"

namespace remora {

/// How much of an action is taken at a pressure: 0 .. 1.
double trigger_state(const OverloadTrigger& trigger, double pressure);

/// Measures resources from time to time, decides which actions are due and takes them. Main thread only.
/// Source: Envoy, overload manager.
class OverloadManager {
 public:
  /// `settings` are kept. `stats` outlives this.
  OverloadManager(std::shared_ptr<const OverloadSettings> settings, StatsStore& stats,
                  const SystemFiles& files = {});

  /// Refreshes and acts by itself from now on.
  void start(boost::asio::io_context& io);
  /// Measures everything once.
  void refresh();
  /// Takes the actions that are to be repeated while they are due.
  void act();
  /// 0 .. 1, by the action's place in the settings.
  [[nodiscard]] double state(size_t action) const { return actions_[action].state; }

 private:
  struct Monitor {
    std::unique_ptr<ResourceMonitor> resource;
    std::shared_ptr<StatScope> stats;
    double pressure = 0;      // the last one that could be measured
    bool has_failed = false;  // the last time
  };
  struct Action {
    std::shared_ptr<StatScope> stats;
    double state = 0;
  };

  void measure(size_t number);
  void decide(size_t number);
  void refresh_later();
  void act_later();

  std::shared_ptr<const OverloadSettings> settings_;
  std::vector<Monitor> monitors_;
  std::vector<Action> actions_;
  std::shared_ptr<StatScope> stats_;
  std::optional<boost::asio::steady_timer> refresh_timer_;
  std::optional<boost::asio::steady_timer> act_timer_;
  std::chrono::steady_clock::time_point refreshed_{};
};

}  // namespace remora
