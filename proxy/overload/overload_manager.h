#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "overload/connection_limit.h"
#include "overload/overload_state.h"
#include "overload/resource_monitor.h"
#include "remora/config/overload.h"
#include "remora/core/stats.h"

namespace remora {

/// How much of an action is taken at a pressure: 0 .. 1.
double trigger_state(const OverloadTrigger& trigger, double pressure);

/// Measures resources from time to time and decides which measures are due. Takes those that are the main
/// thread's; the workers read the others from its state. Main thread only. Source: Envoy, overload manager.
class OverloadManager {
 public:
  /// `settings` are kept. `stats` outlives this. `limit`: whose connections are measured; null: nobody's.
  OverloadManager(std::shared_ptr<const OverloadSettings> settings, StatsStore& stats,
                  const SystemFiles& files = {}, std::shared_ptr<const ConnectionLimit> limit = nullptr);

  /// What workers go by.
  [[nodiscard]] std::shared_ptr<const OverloadState> shared_state() const { return state_; }
  /// Called when timeouts are reduced by more or by less than before. Before start().
  void on_timeouts_changed(std::function<void()> tell) { timeouts_changed_ = std::move(tell); }

  /// Refreshes and acts by itself from now on.
  void start(boost::asio::io_context& io);
  /// Measures everything once.
  void refresh();
  /// Takes the actions that are to be repeated while they are due.
  void act();
  /// 0 .. 1, by the action's place in the settings; load shed points stand behind the actions.
  [[nodiscard]] double state(size_t action) const { return actions_[action].state; }

 private:
  struct Monitor {
    std::unique_ptr<ResourceMonitor> resource;
    std::shared_ptr<StatScope> stats;
    double pressure = 0;      // the last one that could be measured
    bool has_failed = false;  // the last time
  };
  struct Action {
    const OverloadActionConfig* config = nullptr;
    bool is_point = false;
    std::shared_ptr<StatScope> stats;
    double state = 0;
  };

  void add(const OverloadActionConfig& config, bool is_point, StatsStore& stats);
  void measure(size_t number);
  void decide(Action& action);
  void refresh_later();
  void act_later();

  std::shared_ptr<const OverloadSettings> settings_;
  std::shared_ptr<const ConnectionLimit> limit_;
  std::shared_ptr<OverloadState> state_;
  std::function<void()> timeouts_changed_ = [] {};
  std::vector<Monitor> monitors_;
  std::vector<Action> actions_;
  uint64_t refused_ = 0;  // connections, as counted already
  std::shared_ptr<StatScope> stats_;
  std::optional<boost::asio::steady_timer> refresh_timer_;
  std::optional<boost::asio::steady_timer> act_timer_;
  std::chrono::steady_clock::time_point refreshed_{};
};

}  // namespace remora
