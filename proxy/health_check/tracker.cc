#include "health_check/tracker.h"

#include <algorithm>

#include "health_check/events.h"
#include "stats/health_check_stats.h"

namespace remora {

HealthTracker::HealthTracker(const HealthChecks& config, const Host& host, StatBlock& stats,
                             HealthEvents* events)
    : config_(config),
      host_(host),
      state_(host.state()),
      stats_(stats),
      events_(events) {
  count();
}

void HealthTracker::count() {
  const auto show = [this](HealthCheckStat gauge, bool now, bool& counted) {
    if (now && !counted) stats_.add(gauge);
    if (!now && counted) stats_.sub(gauge);
    counted = now;
  };
  show(kHealthCheckHealthy, !state_.has(kFailedActiveHc), counted_healthy_);
  show(kHealthCheckDegraded, state_.has(kDegradedActiveHc), counted_degraded_);
}

void HealthTracker::leave() {
  if (counted_healthy_) stats_.sub(kHealthCheckHealthy);
  if (counted_degraded_) stats_.sub(kHealthCheckDegraded);
  counted_healthy_ = counted_degraded_ = false;
}

HealthTransition HealthTracker::on_result(const CheckResult& result) {
  if (result.immediate_fail) state_.set(kExcludedViaImmediateFail, true);
  const auto transition = result.success ? succeed(result.degraded) : fail(result);
  state_.set_check_failure(result.success ? std::string() : result.why);
  count();
  first_ = false;
  return transition;
}

HealthTransition HealthTracker::succeed(bool degraded) {
  failures_ = 0;
  stats_.add(kHealthCheckSuccess);
  auto transition = HealthTransition::kUnchanged;
  if (state_.has(kFailedActiveHc)) {
    // At start one success is enough: nobody shall wait for hosts that nothing has been said against.
    if (first_ || ++successes_ == config_.healthy_threshold) {
      state_.set(kActiveHcTimeout, false);
      state_.set(kExcludedViaImmediateFail, false);
      state_.set(kFailedActiveHc, false);
      transition = HealthTransition::kChanged;
      if (events_ != nullptr) events_->add_healthy(host_, first_);
    } else {
      transition = HealthTransition::kChangePending;
    }
  }
  if (transition != HealthTransition::kChanged && config_.always_log_successes && events_ != nullptr)
    events_->successful(host_);
  return set_degraded(degraded, no_longer_pending(transition));
}

HealthTransition HealthTracker::set_degraded(bool degraded, HealthTransition transition) {
  if (degraded == state_.has(kDegradedActiveHc)) return transition;
  state_.set(kDegradedActiveHc, degraded);
  if (events_ != nullptr) events_->degraded(host_, degraded);
  return transition == HealthTransition::kUnchanged ? HealthTransition::kChanged : transition;
}

HealthTransition HealthTracker::fail(const CheckResult& result) {
  successes_ = 0;
  const bool network =
      result.failure == CheckFailure::kNetwork || result.failure == CheckFailure::kNetworkTimeout;
  auto transition = HealthTransition::kUnchanged;
  if (!state_.has(kFailedActiveHc)) {
    // A host that served before it was checked is taken at its first word.
    const bool at_once = first_ || (!network && !result.retriable);
    if (at_once || ++failures_ == config_.unhealthy_threshold) {
      failures_ = 0;
      state_.set(kFailedActiveHc, true);
      transition = HealthTransition::kChanged;
      if (events_ != nullptr) events_->eject_unhealthy(host_, result);
    } else {
      transition = HealthTransition::kChangePending;
    }
  }
  state_.set(kActiveHcTimeout,
             result.failure == CheckFailure::kNetworkTimeout && state_.has(kFailedActiveHc));
  transition = no_longer_pending(transition);
  if ((first_ || config_.always_log_failures) && events_ != nullptr)
    events_->unhealthy(host_, result, first_);
  stats_.add(kHealthCheckFailure);
  if (network) stats_.add(kHealthCheckNetworkFailure);
  if (result.failure == CheckFailure::kPassive) stats_.add(kHealthCheckPassiveFailure);
  return transition;
}

HealthTransition HealthTracker::no_longer_pending(HealthTransition transition) {
  if (!state_.has(kPendingActiveHc)) return transition;
  state_.set(kPendingActiveHc, false);
  return HealthTransition::kChanged;
}

Milliseconds HealthTracker::next_interval(bool success, HealthTransition transition, bool traffic,
                                          Random& random) const {
  const bool edge = transition == HealthTransition::kChangePending;
  Milliseconds base{0};
  if (!traffic) {
    base = success && !edge ? config_.no_traffic_healthy_interval : config_.no_traffic_interval;
  } else if (success) {
    base = edge ? config_.healthy_edge_interval : config_.interval;
  } else {
    base = edge ? config_.unhealthy_edge_interval : config_.unhealthy_interval;
  }
  return with_jitter(base, config_.interval_jitter, config_.interval_jitter_percent, random);
}

Milliseconds with_jitter(Milliseconds base, Milliseconds jitter, uint32_t percent, Random& random) {
  const auto below = [&random](int64_t bound) {
    return Milliseconds(bound > 0 ? static_cast<int64_t>(random.below(static_cast<uint64_t>(bound))) : 0);
  };
  const auto share = static_cast<int64_t>(static_cast<double>(base.count()) * percent / 100.0);
  return std::max(Milliseconds(1), base + below(share) + below(jitter.count()));
}

}  // namespace remora
