#include "overload/overload_manager.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "log.h"

namespace remora {
namespace {

using boost::system::error_code;

/// How often what is repeated is done, as in Envoy.
constexpr std::chrono::seconds kActInterval{10};

enum ManagerStat : size_t { kRefreshIntervalDelay };
constexpr StatDef kManager[] = {{.name = "refresh_interval_delay", .kind = StatKind::kHistogram}};

enum MonitorStat : size_t { kPressure, kFailedUpdates, kSkippedUpdates };
constexpr StatDef kMonitor[] = {
    {.name = "pressure", .kind = StatKind::kGauge},
    {.name = "failed_updates"},
    {.name = "skipped_updates"},  // a measurement is over when it returns: stays 0
};

enum ActionStat : size_t { kActive, kScalePercent, kShrinkCount };
constexpr StatDef kAction[] = {
    {.name = "active", .kind = StatKind::kGauge},
    {.name = "scale_percent", .kind = StatKind::kGauge},
    {.name = "shrink_count"},
};

ScopeName scope_of(const std::string& name) {
  std::string flat = name;
  std::ranges::replace_if(
      flat,
      [](char c) { return c != '_' && !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z'); },
      '_');
  return {
      .prefix = "overload." + name + ".", .prometheus_prefix = "envoy_overload_" + flat + "_", .tags = {}};
}

uint64_t percent(double part) { return static_cast<uint64_t>(std::max(part, 0.0) * 100); }
/// As a float, like Envoy's: a quarter that has come out a little less is still a quarter.
uint64_t percent_of_state(double state) { return percent(static_cast<float>(state)); }

}  // namespace

double trigger_state(const OverloadTrigger& trigger, double pressure) {
  if (pressure >= trigger.to) return 1;
  if (pressure <= trigger.from) return 0;
  return (pressure - trigger.from) / (trigger.to - trigger.from);
}

OverloadManager::OverloadManager(std::shared_ptr<const OverloadSettings> settings, StatsStore& stats,
                                 const SystemFiles& files)
    : settings_(std::move(settings)),
      stats_(stats.make_scope(kManager,
                              {.prefix = "overload.", .prometheus_prefix = "envoy_overload_", .tags = {}})) {
  for (const auto& config : settings_->monitors) {
    monitors_.push_back({.resource = make_resource_monitor(config, files),
                         .stats = stats.make_scope(kMonitor, scope_of(config.name))});
  }
  for (const auto& config : settings_->actions)
    actions_.push_back({.stats = stats.make_scope(kAction, scope_of(config.name))});
}

void OverloadManager::start(boost::asio::io_context& io) {
  if (monitors_.empty()) return;
  refreshed_ = std::chrono::steady_clock::now();
  refresh_timer_.emplace(io);
  act_timer_.emplace(io);
  refresh_later();
  act_later();
}

void OverloadManager::refresh() {
  for (size_t i = 0; i < monitors_.size(); ++i) measure(i);
  for (size_t i = 0; i < actions_.size(); ++i) decide(i);
}

void OverloadManager::measure(size_t number) {
  Monitor& monitor = monitors_[number];
  const auto measured = monitor.resource->pressure();
  const bool failed_before = std::exchange(monitor.has_failed, !measured.ok());
  if (!measured.ok()) {
    monitor.stats->block(0).add(kFailedUpdates);
    if (!failed_before)
      log_warn("overload", "cannot measure {}: {}", settings_->monitors[number].name,
               measured.error().message);
    return;
  }
  monitor.pressure = *measured;
  monitor.stats->block(0).set(kPressure, percent(monitor.pressure));
}

void OverloadManager::decide(size_t number) {
  const auto& config = settings_->actions[number];
  Action& action = actions_[number];
  double state = 0;
  for (const auto& trigger : config.triggers)
    state = std::max(state, trigger_state(trigger, monitors_[trigger.monitor].pressure));
  const double before = std::exchange(action.state, state);
  if ((state == 1) != (before == 1))
    log_info("overload", "{} is {}", config.name, state == 1 ? "active" : "no longer active");
  StatBlock& stats = action.stats->block(0);
  stats.set(kActive, state == 1 ? 1 : 0);
  stats.set(kScalePercent, percent_of_state(state));
}

void OverloadManager::act() {
  for (Action& action : actions_) {
    if (action.state != 1) continue;
    malloc_trim(0);
    action.stats->block(0).add(kShrinkCount);
  }
}

void OverloadManager::refresh_later() {
  refresh_timer_->expires_after(settings_->refresh_interval);
  refresh_timer_->async_wait([this](const error_code& error) {
    if (error) return;
    const auto now = std::chrono::steady_clock::now();
    stats_->block(0).record(kRefreshIntervalDelay, elapsed_ms(std::exchange(refreshed_, now), now));
    refresh();
    refresh_later();
  });
}

void OverloadManager::act_later() {
  act_timer_->expires_after(kActInterval);
  act_timer_->async_wait([this](const error_code& error) {
    if (error) return;
    act();
    act_later();
  });
}

}  // namespace remora
