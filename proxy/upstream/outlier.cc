#include "upstream/outlier.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "remora/config/latency_ejection.h"

namespace remora {
namespace {

enum Stat : size_t {
  kTotal,
  kActive,
  kOverflow,
  kDeprecatedTotal,
  kDeprecatedConsecutive5xx,
  kDeprecatedSuccessRate,
  kEnforced,                           // + Ejection
  kDetected = kEnforced + kEjections,  // + Ejection
};

constexpr StatDef kSchema[] = {
    {"ejections_enforced_total"},
    {"ejections_active", StatKind::kGauge},
    {"ejections_overflow"},
    {"ejections_total"},
    {"ejections_consecutive_5xx"},
    {"ejections_success_rate"},
    // In the order of Ejection.
    {"ejections_enforced_consecutive_5xx"},
    {"ejections_enforced_consecutive_gateway_failure"},
    {"ejections_enforced_consecutive_local_origin_failure"},
    {"ejections_enforced_success_rate"},
    {"ejections_enforced_local_origin_success_rate"},
    {"ejections_enforced_failure_percentage"},
    {"ejections_enforced_local_origin_failure_percentage"},
    {"ejections_enforced_latency"},
    {"ejections_detected_consecutive_5xx"},
    {"ejections_detected_consecutive_gateway_failure"},
    {"ejections_detected_consecutive_local_origin_failure"},
    {"ejections_detected_success_rate"},
    {"ejections_detected_local_origin_success_rate"},
    {"ejections_detected_failure_percentage"},
    {"ejections_detected_local_origin_failure_percentage"},
    {"ejections_detected_latency"},
};
static_assert(std::size(kSchema) == kDetected + kEjections);

void clear_consecutive(HostState& host) {
  host.consecutive_5xx.store(0, std::memory_order_relaxed);
  host.consecutive_gateway.store(0, std::memory_order_relaxed);
  host.consecutive_local.store(0, std::memory_order_relaxed);
}

}  // namespace

StatSchema outlier_stat_schema() { return kSchema; }

OutlierDetector::OutlierDetector(const OutlierDetection& config, StatBlock& stats, Random& random,
                                 std::function<void()> on_change, Report report)
    : config_(config),
      stats_(stats),
      random_(random),
      on_change_(std::move(on_change)),
      report_(std::move(report)) {}

OutlierDetector::~OutlierDetector() { stats_.sub(kActive, active_); }

void OutlierDetector::set_hosts(const HostList& hosts) {
  hosts_ = hosts;
  uint64_t active = 0;
  for (const auto& host : hosts_) active += host->state().ejected() ? 1 : 0;
  stats_.sub(kActive, active_);
  stats_.add(kActive, active);
  active_ = active;
}

void OutlierDetector::on_consecutive(const std::shared_ptr<HostState>& host, Ejection kind,
                                     MonotonicTime now) {
  const Host* const found = host->ejected() ? nullptr : member(*host);
  if (found == nullptr) return;
  detected(*found, kind, now);
  // The one counter starts anew, so that errors without a success in between can reach the threshold again.
  if (kind == Ejection::kConsecutive5xx) {
    stats_.add(kDeprecatedConsecutive5xx);
    host->consecutive_5xx.store(0, std::memory_order_relaxed);
  } else if (kind == Ejection::kConsecutiveGateway) {
    host->consecutive_gateway.store(0, std::memory_order_relaxed);
  } else {
    host->consecutive_local.store(0, std::memory_order_relaxed);
  }
  announce();
}

const Host* OutlierDetector::member(const HostState& state) const {
  const auto found =
      std::find_if(hosts_.begin(), hosts_.end(), [&](const auto& host) { return &host->state() == &state; });
  return found == hosts_.end() ? nullptr : found->get();
}

void OutlierDetector::sweep(MonotonicTime now) {
  std::vector<Volume> volumes[2];
  for (const auto& host : hosts_) {
    return_if_due(*host, now);
    HostState& state = host->state();
    for (const bool local : {false, true}) volumes[local ? 1 : 0].push_back(take_volume(state, local));
    if (state.known_monitor() == nullptr) continue;
    state.monitor().success_rate = -1;
    state.monitor().local_success_rate = -1;
    state.monitor().spared = false;
  }
  for (const bool local : {false, true}) judge(local, volumes[local ? 1 : 0], now);
  judge_latencies(now);
  decay_backoffs(now);
  announce();
}

void OutlierDetector::return_early(HostState& host, MonotonicTime now) {
  if (!host.ejected()) return;
  if (const Host* const found = member(host)) return_host(*found, now);
  announce();
}

void OutlierDetector::return_all(MonotonicTime now) {
  for (const auto& host : hosts_) {
    if (host->state().ejected()) return_host(*host, now);
  }
  announce();
}

void OutlierDetector::return_if_due(const Host& host, MonotonicTime now) {
  if (!host.state().ejected()) return;
  const OutlierMonitor& monitor = host.state().monitor();
  const Milliseconds time = std::min(config_.base_ejection_time * monitor.backoff, config_.max_ejection_time);
  if (time + monitor.jitter <= now - monitor.ejected_at) return_host(host, now);
}

void OutlierDetector::return_host(const Host& host, MonotonicTime now) {
  host.state().set_ejected(false);
  --active_;
  stats_.sub(kActive);
  clear_consecutive(host.state());
  OutlierMonitor& monitor = host.state().monitor();
  monitor.returned_at = now;
  monitor.ever_returned = true;
  changed_ = true;
  if (!report_) return;
  report_({.host = host,
           .ejections = monitor.ejections,
           .since_last = std::chrono::duration_cast<std::chrono::seconds>(now - monitor.ejected_at)});
}

void OutlierDetector::detected(const Host& host, Ejection kind, MonotonicTime now, double measured) {
  stats_.add(kDetected + static_cast<size_t>(kind));
  eject(host, kind, now, measured);
}

void OutlierDetector::report_ejection(const Host& host, Ejection kind, bool enforced, MonotonicTime now,
                                      double measured) const {
  if (!report_) return;
  const OutlierMonitor& monitor = host.state().monitor();
  const size_t side = kind == Ejection::kLatency ? kLatencies : kind == Ejection::kSuccessRateLocal ? 1 : 0;
  EjectionEvent event{.host = host,
                      .ejected = true,
                      .kind = kind,
                      .enforced = enforced,
                      .ejections = monitor.ejections,
                      .measured = measured,
                      .average = average_[side],
                      .threshold = threshold_[side]};
  if (monitor.ever_returned)
    event.since_last = std::chrono::duration_cast<std::chrono::seconds>(now - monitor.returned_at);
  report_(event);
}

bool OutlierDetector::may_eject() const {
  if (config_.always_eject_one_host && active_ == 0) return true;
  const double percent = 100.0 * static_cast<double>(active_ + 1) / static_cast<double>(hosts_.size());
  return percent <= std::min(100u, config_.max_ejection_percent);
}

void OutlierDetector::eject(const Host& host, Ejection kind, MonotonicTime now, double measured) {
  if (host.state().ejected()) return;
  if (!may_eject()) {
    stats_.add(kOverflow);
    host.state().monitor().spared = true;
    return;
  }
  if (kind == Ejection::kConsecutive5xx || kind == Ejection::kSuccessRate) stats_.add(kDeprecatedTotal);
  if (!enforce(kind)) {
    report_ejection(host, kind, false, now, measured);
    return;
  }
  stats_.add(kTotal);
  stats_.add(kEnforced + static_cast<size_t>(kind));
  stats_.add(kActive);
  ++active_;
  host.state().set_ejected(true);
  OutlierMonitor& monitor = host.state().monitor();
  ++monitor.ejections;
  monitor.last_kind = kind;
  monitor.spared = false;
  monitor.ejected_at = now;
  const auto bound = static_cast<uint64_t>(config_.max_ejection_time_jitter.count()) + 1;
  monitor.jitter = Milliseconds(static_cast<int64_t>(random_.below(bound)));
  if (monitor.backoff * config_.base_ejection_time < config_.max_ejection_time + config_.base_ejection_time)
    ++monitor.backoff;
  changed_ = true;
  report_ejection(host, kind, true, now, measured);
}

bool OutlierDetector::enforce(Ejection kind) {
  const auto percent = [&] {
    switch (kind) {
      case Ejection::kConsecutive5xx: return config_.enforcing_consecutive_5xx;
      case Ejection::kConsecutiveGateway: return config_.enforcing_consecutive_gateway_failure;
      case Ejection::kConsecutiveLocal: return config_.enforcing_consecutive_local_origin_failure;
      case Ejection::kSuccessRate: return config_.enforcing_success_rate;
      case Ejection::kSuccessRateLocal: return config_.enforcing_local_origin_success_rate;
      case Ejection::kFailurePercentage: return config_.enforcing_failure_percentage;
      case Ejection::kFailurePercentageLocal: return config_.enforcing_failure_percentage_local_origin;
      case Ejection::kLatency: return config_.latency->enforcing;
    }
    return 0u;
  }();
  return percent >= 100 || (percent > 0 && random_.below(100) < percent);
}

/// The requests since the last sweep.
OutlierDetector::Volume OutlierDetector::take_volume(HostState& host, bool local) {
  const uint64_t success = host.total(local ? &HostStats::local_success : &HostStats::external_success);
  const uint64_t total = host.total(local ? &HostStats::local_total : &HostStats::external_total);
  if (total == 0 && host.known_monitor() == nullptr) return {0, 0};  // it never had a request
  uint64_t& swept_total = host.monitor().swept_total[local ? 1 : 0];
  uint64_t& swept_success = host.monitor().swept_success[local ? 1 : 0];
  const Volume volume{total - swept_total, success - swept_success};
  swept_total = total;
  swept_success = success;
  return volume;
}

void OutlierDetector::judge(bool local, const std::vector<Volume>& volumes, MonotonicTime now) {
  average_[local ? 1 : 0] = threshold_[local ? 1 : 0] = -1;
  if (hosts_.size() < config_.success_rate_minimum_hosts &&
      hosts_.size() < config_.failure_percentage_minimum_hosts)
    return;
  const uint64_t shown =
      std::min(config_.success_rate_request_volume, config_.failure_percentage_request_volume);
  std::vector<Rated> by_rate;
  std::vector<Rated> by_failures;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    HostState& host = hosts_[i]->state();
    if (host.ejected() || volumes[i].total == 0) continue;
    const double rate =
        static_cast<double>(volumes[i].success) * 100.0 / static_cast<double>(volumes[i].total);
    if (volumes[i].total >= shown)
      (local ? host.monitor().local_success_rate : host.monitor().success_rate) = rate;
    if (volumes[i].total >= config_.success_rate_request_volume) by_rate.push_back({hosts_[i].get(), rate});
    if (volumes[i].total >= config_.failure_percentage_request_volume)
      by_failures.push_back({hosts_[i].get(), rate});
  }
  if (!by_rate.empty() && by_rate.size() >= config_.success_rate_minimum_hosts)
    judge_success_rates(local, by_rate, now);
  if (!by_failures.empty() && by_failures.size() >= config_.failure_percentage_minimum_hosts) {
    judge_failure_percentages(local, by_failures, now);
  }
}

void OutlierDetector::judge_success_rates(bool local, const std::vector<Rated>& hosts, MonotonicTime now) {
  const auto count = static_cast<double>(hosts.size());
  double sum = 0;
  for (const Rated& rated : hosts) sum += rated.success_rate;
  const double mean = sum / count;
  double variance = 0;
  for (const Rated& rated : hosts) variance += (rated.success_rate - mean) * (rated.success_rate - mean);
  const double factor = config_.success_rate_stdev_factor / 1000.0;
  const double threshold = mean - factor * std::sqrt(variance / count);
  average_[local ? 1 : 0] = mean;
  threshold_[local ? 1 : 0] = threshold;
  for (const Rated& rated : hosts) {
    if (rated.success_rate >= threshold) continue;
    stats_.add(kDeprecatedSuccessRate);
    detected(*rated.host, local ? Ejection::kSuccessRateLocal : Ejection::kSuccessRate, now,
             rated.success_rate);
  }
}

void OutlierDetector::judge_failure_percentages(bool local, const std::vector<Rated>& hosts,
                                                MonotonicTime now) {
  for (const Rated& rated : hosts) {
    if (100.0 - rated.success_rate < config_.failure_percentage_threshold) continue;
    detected(*rated.host, local ? Ejection::kFailurePercentageLocal : Ejection::kFailurePercentage, now,
             rated.success_rate);
  }
}

void OutlierDetector::decay_backoffs(MonotonicTime now) {
  for (const auto& host : hosts_) {
    if (host->state().known_monitor() == nullptr) continue;
    OutlierMonitor& monitor = host->state().monitor();
    if (host->state().ejected() || !monitor.ever_returned || now - monitor.returned_at < config_.interval)
      continue;
    if (monitor.backoff > 0) --monitor.backoff;
  }
}

void OutlierDetector::announce() {
  if (std::exchange(changed_, false) && on_change_) on_change_();
}

}  // namespace remora
