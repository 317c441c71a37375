#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "remora/config/health_check.h"
#include "remora/core/random.h"
#include "remora/core/stats.h"
#include "upstream/host.h"

namespace remora {

class HealthEvents;

/// Why a check failed. Source: envoy.data.core.v3.HealthCheckFailureType.
enum class CheckFailure : uint8_t {
  kActive,          ///< the host answered, and the answer says no
  kPassive,         ///< it said so in a response to somebody else's request
  kNetwork,         ///< no connection, or none that lasted
  kNetworkTimeout,  ///< no answer in time
};

/// How one check ended.
struct CheckResult {
  bool success = false;
  bool degraded = false;  ///< of a success: x-envoy-degraded
  CheckFailure failure = CheckFailure::kActive;
  bool retriable = false;       ///< of kActive: counts towards unhealthy_threshold only
  bool immediate_fail = false;  ///< x-envoy-immediate-health-check-fail
  uint16_t http_status = 0;     ///< 0: none came, or none that matters
  std::string why;              ///< of a failure, for people
};

/// What a result did to a host's health.
enum class HealthTransition : uint8_t {
  kUnchanged,
  kChangePending,  ///< one more result in the same direction, on the way to a threshold
  kChanged,        ///< sets of hosts are to be made anew
};

/// Decides from the results of one host's checks whether it is healthy: thresholds, first check, what is
/// flagged in its HostState, what is counted. Knows neither time nor sockets. Main thread.
/// Source: Envoy, health checking.
class HealthTracker {
 public:
  /// All borrowed; `events` null: nothing is logged.
  HealthTracker(const HealthChecks& config, const Host& host, StatBlock& stats, HealthEvents* events);
  HealthTracker(const HealthTracker&) = delete;
  HealthTracker& operator=(const HealthTracker&) = delete;

  /// Takes the host out of the gauges. Nothing may follow.
  void leave();
  HealthTransition on_result(const CheckResult& result);
  /// No result has come yet.
  [[nodiscard]] bool first() const { return first_; }
  /// How long to wait before the next check. `traffic`: the cluster has had a connection for requests.
  [[nodiscard]] Milliseconds next_interval(bool success, HealthTransition transition, bool traffic,
                                           Random& random) const;

 private:
  void count();
  HealthTransition succeed(bool degraded);
  HealthTransition fail(const CheckResult& result);
  HealthTransition set_degraded(bool degraded, HealthTransition transition);
  HealthTransition no_longer_pending(HealthTransition transition);

  const HealthChecks& config_;
  const Host& host_;
  HostState& state_;
  StatBlock& stats_;
  HealthEvents* events_;
  uint32_t successes_ = 0;  // in a row, while unhealthy
  uint32_t failures_ = 0;   // in a row, while healthy
  bool first_ = true;
  bool counted_healthy_ = false;
  bool counted_degraded_ = false;
};

/// `base` and its jitter, at least a millisecond.
Milliseconds with_jitter(Milliseconds base, Milliseconds jitter, uint32_t percent, Random& random);

}  // namespace remora
