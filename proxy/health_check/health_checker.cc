#include "health_check/health_checker.h"

#include <utility>

#include "stats/cluster_stats.h"

namespace remora {
HealthChecker::HealthChecker(MainReactor& main, std::shared_ptr<const ClusterRuntime> runtime,
                             StatBlock& stats, Random& random, std::unique_ptr<HealthEvents> events,
                             Callbacks callbacks)
    : main_(main),
      cluster_(std::make_shared<CheckedCluster>(main.reactor(), std::move(runtime), stats)),
      random_(random),
      events_(std::move(events)),
      callbacks_(std::move(callbacks)) {}

HealthChecker::~HealthChecker() {
  for (auto& [state, session] : sessions_) session->close();
}

void HealthChecker::set_hosts(const HostList& hosts) {
  main_.enter();
  CheckSessionOwner& owner = *this;
  auto before = std::exchange(sessions_, {});
  for (const auto& host : hosts) {
    const auto* state = &host->state();
    auto& known = before[state];
    if (!is_checked(host->endpoint())) {
      host->state().clear_active_health();
    } else if (known != nullptr && &known->host() == host.get()) {
      sessions_[state] = std::move(known);
    } else {
      auto& session = sessions_[state];
      session = std::make_unique<CheckSession>(cluster_, host, owner, events_.get(), random_);
      session->start();
      ++waiting_;
    }
  }
  for (auto& [state, session] : before) {
    if (session != nullptr) end(std::move(session));
  }
}

void HealthChecker::end(std::unique_ptr<CheckSession> session) {
  if (session->first()) --waiting_;
  session->close();
  main_.reactor().dispose(std::move(session));
}

void HealthChecker::fail_at_once(const HostState& host) {
  const auto found = sessions_.find(&host);
  if (found == sessions_.end()) return;
  main_.enter();
  found->second->fail_at_once();
}

void HealthChecker::on_checked(CheckSession& session, bool success, HealthTransition transition, bool first) {
  auto& host = session.host().state();
  if (success) callbacks_.on_success(host);
  // Who was not well until now starts slowly.
  if (success && transition == HealthTransition::kChanged)
    host.set_healthy_since(main_.reactor().clock().now());
  if (transition == HealthTransition::kChanged) callbacks_.on_change();
  if (first && --waiting_ == 0) callbacks_.on_first_round();
}

bool HealthChecker::has_traffic() const {
  // Counters can be reset; that there was traffic stays true.
  traffic_ = traffic_ || cluster_->runtime->stats->value(kUpstreamCxTotal) > 0;
  return traffic_;
}

}  // namespace remora
