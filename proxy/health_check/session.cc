#include "health_check/session.h"

#include <utility>

#include "stats/health_check_stats.h"

namespace remora {

CheckSession::CheckSession(const std::shared_ptr<CheckedCluster>& cluster, std::shared_ptr<const Host> host,
                           CheckSessionOwner& owner, HealthEvents* events, Random& random)
    : cluster_(cluster),
      host_(std::move(host)),
      owner_(owner),
      random_(random),
      tracker_(cluster->config, *host_, cluster->stats, events),
      probe_(make_probe(cluster, host_, *this)),
      interval_(timer_calls<&CheckSession::on_interval>, this),
      timeout_(timer_calls<&CheckSession::on_timeout>, this) {}

void CheckSession::start() {
  const auto jitter = cluster_->config.initial_jitter;
  const auto wait = jitter.count() > 0 ? with_jitter(Milliseconds(0), jitter, 0, random_) : Milliseconds(0);
  cluster_->reactor.arm(interval_, wait);
}

void CheckSession::close() {
  closed_ = true;
  interval_.cancel();
  timeout_.cancel();
  probe_->close();
  tracker_.leave();
}

void CheckSession::on_interval() {
  cluster_->stats.add(kHealthCheckAttempt);
  cluster_->reactor.arm(timeout_, cluster_->config.timeout);
  probe_->start();
}

void CheckSession::on_timeout() {
  probe_->close();
  CheckResult result;
  result.failure = CheckFailure::kNetworkTimeout;
  result.why = "no answer within " + std::to_string(cluster_->config.timeout.count()) + " ms";
  on_probe(std::move(result));
}

void CheckSession::on_probe(CheckResult result) {
  timeout_.cancel();
  const auto transition = judge(result);
  if (closed_) return;  // the host has left for it
  cluster_->reactor.arm(interval_,
                        tracker_.next_interval(result.success, transition, owner_.has_traffic(), random_));
}

void CheckSession::fail_at_once() {
  CheckResult result;
  result.failure = CheckFailure::kPassive;
  result.immediate_fail = true;
  result.why = "x-envoy-immediate-health-check-fail in a response";
  judge(result);
}

HealthTransition CheckSession::judge(const CheckResult& result) {
  const bool first = tracker_.first();
  const auto transition = tracker_.on_result(result);
  owner_.on_checked(*this, result.success, transition, first);
  return transition;
}

}  // namespace remora
