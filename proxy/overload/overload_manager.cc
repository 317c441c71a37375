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
/// Others than shrink_heap have the first two.
constexpr StatSchema kPlainAction{kAction, kShrinkCount};

enum PointStat : size_t { kPointScalePercent, kShedLoadCount };
constexpr StatDef kPoint[] = {
    {.name = "scale_percent", .kind = StatKind::kGauge},
    {.name = "shed_load_count"},
};

StatSchema schema_of(const OverloadActionConfig& config, bool is_point) {
  if (is_point) return kPoint;
  return config.measure == OverloadMeasure::kShrinkHeap ? StatSchema(kAction) : kPlainAction;
}

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
                                 const SystemFiles& files, std::shared_ptr<const ConnectionLimit> limit)
    : settings_(std::move(settings)),
      limit_(std::move(limit)),
      state_(std::make_shared<OverloadState>(*settings_)),
      stats_(stats.make_scope(kManager,
                              {.prefix = "overload.", .prometheus_prefix = "envoy_overload_", .tags = {}})) {
  for (const auto& config : settings_->monitors) {
    monitors_.push_back({.resource = make_resource_monitor(config, files, limit_),
                         .stats = stats.make_scope(kMonitor, scope_of(config.name))});
  }
  for (const auto& config : settings_->actions) add(config, false, stats);
  for (const auto& config : settings_->shed_points) add(config, true, stats);
}

void OverloadManager::add(const OverloadActionConfig& config, bool is_point, StatsStore& stats) {
  auto scope = stats.make_scope(schema_of(config, is_point), scope_of(config.name));
  if (is_point) state_->count_in(config.measure, scope, kShedLoadCount);
  actions_.push_back({.config = &config, .is_point = is_point, .stats = std::move(scope)});
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
  for (Action& action : actions_) decide(action);
  // An attempt to open a connection beyond the limit is a failed update, as in Envoy.
  for (size_t i = 0; limit_ != nullptr && i < monitors_.size(); ++i) {
    if (settings_->monitors[i].kind != ResourceMonitorConfig::Kind::kDownstreamConnections) continue;
    const uint64_t refused = limit_->refused();
    monitors_[i].stats->block(0).add(kFailedUpdates, refused - std::exchange(refused_, refused));
  }
}

void OverloadManager::measure(size_t number) {
  Monitor& monitor = monitors_[number];
  const auto measured = monitor.resource->pressure();
  const bool failed_before = std::exchange(monitor.has_failed, !measured.ok());
  if (!measured.ok()) {
    monitor.stats->block(0).add(kFailedUpdates);
    if (!failed_before)
      log_warn("main", "cannot measure {}: {}", settings_->monitors[number].name, measured.error().message);
    return;
  }
  monitor.pressure = *measured;
  monitor.stats->block(0).set(kPressure, percent(monitor.pressure));
}

void OverloadManager::decide(Action& action) {
  double state = 0;
  for (const auto& trigger : action.config->triggers)
    state = std::max(state, trigger_state(trigger, monitors_[trigger.monitor].pressure));
  const double before = std::exchange(action.state, state);
  if ((state == 1) != (before == 1))
    log_info("main", "{} is {}", action.config->name, state == 1 ? "active" : "no longer active");
  // First for the workers, then for who reads statistics.
  state_->set(action.config->measure, state);
  if (state != before && action.config->measure == OverloadMeasure::kReduceTimeouts) timeouts_changed_();
  StatBlock& stats = action.stats->block(0);
  if (!action.is_point) stats.set(kActive, state == 1 ? 1 : 0);
  stats.set(action.is_point ? size_t{kPointScalePercent} : size_t{kScalePercent}, percent_of_state(state));
}

void OverloadManager::act() {
  for (Action& action : actions_) {
    if (action.state != 1 || action.config->measure != OverloadMeasure::kShrinkHeap) continue;
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
