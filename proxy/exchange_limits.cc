// What limits an Exchange in time: its timers, and what becomes of it when one of them is over.

#include <algorithm>

#include "downstream_connection.h"
#include "exchange.h"
#include "request_timeouts.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {

/// False where the time of the request is over already: the upstream need not see it.
bool Exchange::limit_time() {
  const auto& action = route_->forward;
  const auto timeouts =
      take_timeouts(action, http(), router(), retry_.per_try_timeout(), wants_upgrade_, request_);
  response_timeout_ = timeouts.response;
  if (request_complete_ && response_timeout_.count() > 0) worker_.arm(route_timer_, response_timeout_);
  if (action.idle_timeout) watch_idle(*action.idle_timeout);
  max_duration_timer_.cancel();
  if (!timeouts.duration) return true;
  // The stream's duration counts from its beginning, which is over by now.
  const auto gone = std::chrono::duration_cast<Milliseconds>(clock().now() - info_.start);
  if (gone >= *timeouts.duration) return false;
  worker_.arm(max_duration_timer_, *timeouts.duration - gone);
  return true;
}

/// From the moment on which an attempt has its stream and the whole request, its time runs.
void Exchange::limit_try() {
  const auto most = retry_.per_try_timeout();
  if (most && most->count() > 0 && !response_begun_) worker_.arm(per_try_timer_, *most);
  watch_try();
}

void Exchange::watch_try() {
  const auto limit = retry_.per_try_idle_timeout();
  if (limit.count() > 0 && phase_ == Phase::kForwarding) worker_.arm(per_try_idle_timer_, limit);
}

/// The attempt is over: nothing limits it any more.
void Exchange::forget_try() {
  per_try_timer_.cancel();
  per_try_idle_timer_.cancel();
}

void Exchange::on_idle() {
  if (!idle_.expired(worker_.reactor(), clock().now())) return;
  http_stats().add(kDownstreamRqIdleTimeout);
  fail(Failure::kStreamIdleTimeout, {});
}

void Exchange::on_route_timeout() {
  cluster_->stats().add(kUpstreamRqTimeout, tries_.active());
  counters_.add(kRouteRqTimeout);
  // That the slow ones are late was reported when they became slow.
  if (tries_->host() != nullptr && tries_->active())
    cluster_->report_failure(*tries_->host(), Failure::kUpstreamTimeout, tries_->started());
  fail(Failure::kUpstreamTimeout, {});
}

void Exchange::on_per_try_timeout() {
  tries_->flag(ResponseFlag::kUpstreamRequestTimeout);
  if (retry_.hedges()) {
    hedge();
  } else {
    end_try(Failure::kPerTryTimeout, kUpstreamRqPerTryTimeout);
  }
}

void Exchange::on_per_try_idle() {
  tries_->flag(ResponseFlag::kStreamIdleTimeout);
  end_try(Failure::kPerTryIdleTimeout, kUpstreamRqPerTryIdleTimeout);
}

void Exchange::end_try(Failure failure, size_t counter) {
  cluster_->stats().add(counter);
  tries_->abandon();
  on_try_failed(*tries_, failure, {});
}

void Exchange::on_max_duration() {
  http_stats().add(kDownstreamRqMaxDurationReached);
  fail(Failure::kMaxStreamDuration, {});
}

void Exchange::on_request_timeout() {
  http_stats().add(kDownstreamRqTimeout);
  fail(Failure::kRequestTimeout, {});
}

void Exchange::cancel_timers() {
  idle_.stop();
  for (auto* timer : {&route_timer_, &per_try_timer_, &per_try_idle_timer_, &max_duration_timer_,
                      &request_timer_, &back_off_timer_, &filter_timer_, &pace_timer_, &log_timer_}) {
    timer->cancel();
  }
}

}  // namespace remora
