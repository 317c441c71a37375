#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "health_check/events.h"
#include "health_check/session.h"
#include "main_reactor.h"
#include "remora/core/random.h"

namespace remora {

/// Checks the hosts of one version of one cluster. Main thread; destroying it ends all checks, and leaves
/// what they found out in the hosts' states. Source: Envoy, health checking.
class HealthChecker final : private CheckSessionOwner {
 public:
  struct Callbacks {
    /// The health of a host has changed: sets of hosts are to be made anew.
    std::function<void()> on_change;
    /// Nobody waits for his first check any more.
    std::function<void()> on_first_round;
    /// A check has succeeded.
    std::function<void(HostState&)> on_success;
  };

  /// `runtime` is of a cluster with health checks. The others are borrowed; `events` null: nothing is logged.
  HealthChecker(MainReactor& main, std::shared_ptr<const ClusterRuntime> runtime, StatBlock& stats,
                Random& random, std::unique_ptr<HealthEvents> events, Callbacks callbacks);
  ~HealthChecker();

  /// The cluster's members. Those that are new are asked at once; those that are not to be checked lose
  /// their flags.
  void set_hosts(const HostList& hosts);
  /// Every member has been checked once.
  [[nodiscard]] bool first_round_done() const { return waiting_ == 0; }
  /// Ignored if it is no member any more.
  void fail_at_once(const HostState& host);

 private:
  void on_checked(CheckSession& session, bool success, HealthTransition transition, bool first) override;
  [[nodiscard]] bool has_traffic() const override;
  void end(std::unique_ptr<CheckSession> session);

  MainReactor& main_;
  std::shared_ptr<CheckedCluster> cluster_;
  Random& random_;
  std::unique_ptr<HealthEvents> events_;
  Callbacks callbacks_;
  std::unordered_map<const HostState*, std::unique_ptr<CheckSession>> sessions_;
  size_t waiting_ = 0;  // for their first check
  mutable bool traffic_ = false;
};

}  // namespace remora
