// How an Exchange goes on when an attempt has failed: once more, perhaps after a pause, or with an answer.

#include "crash_report.h"
#include "downstream_connection.h"
#include "exchange.h"
#include "idempotent.h"
#include "request_timeouts.h"
#include "stats/cluster_stats.h"
#include "stats/http_stats.h"
#include "worker.h"

namespace remora {

/// How much of the request's body is kept to be sent again.
size_t Exchange::most_kept() const {
  const bool may_be_redirected = route_ != nullptr && route_->forward.internal_redirect != nullptr;
  if (!retry_.enabled() && !may_be_redirected) return kMostForSecondChance;
  return route_->body_buffer_limit == Route::kConnectionLimit ? connection_->buffer_limit()
                                                              : route_->body_buffer_limit;
}

void Exchange::count_attempt() {
  ++info_.attempts;
  if (virtual_host_->include_attempt_count_in_request)
    request_.set(HeaderId::kXEnvoyAttemptCount, uint64_t{info_.attempts});
}

void Exchange::on_try_failed(UpstreamTry& from, Failure failure, std::string_view transport_failure) {
  const WorkingFor working(info_);
  if (tries_.is_slow(from)) {
    on_slow_try_failed(from, failure, transport_failure);
    return;
  }
  forget_try();
  if (phase_ == Phase::kOver) return;
  if (response_begun_) {
    cluster_->report_failure(*tries_->host(), failure, tries_->started());
    break_response_off(failure, transport_failure);
    return;
  }
  const bool sent = info_.upstream_first_sent != MonotonicTime{} && failure != Failure::kConnectFailure &&
                    failure != Failure::kConnectTimeout && failure != Failure::kOverflow;
  if (!second_chance_used_ && deserves_second_chance(failure)) {
    second_chance_used_ = true;
    count_attempt();
    start_try();
    return;
  }
  cluster_->report_failure(*tries_->host(), failure, tries_->started());
  const auto decision = retry_.on_failure(failure, sent, *cluster_, random());
  const bool late = failure == Failure::kPerTryTimeout || failure == Failure::kPerTryIdleTimeout;
  if (retry_after(decision, late)) return;
  if (decision.limit_reached) info_.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  if (others_may_answer(from)) return;
  if (failure == Failure::kConnectFailure) {
    details_ = transport_failure;  // also %UPSTREAM_TRANSPORT_FAILURE_REASON%
    info_.details_storage = transport_failure;
    info_.upstream_transport_failure = info_.details_storage;
  }
  fail(failure, transport_failure);
}

/// One more attempt, outside of the retry policy, where it is safe and the host is not to blame: the upstream
/// says that it has not looked at the request, or it closed an idle connection while our request was on its
/// way and repeating that does no harm.
bool Exchange::deserves_second_chance(Failure failure) const {
  if (failure == Failure::kRefusedStream) return keep_body_ || info_.request_body_bytes == 0;
  if (failure != Failure::kConnectionTermination || !tries_->on_used_connection()) return false;
  const bool there = keep_body_ || info_.request_body_bytes == 0;  // what was sent so far
  return is_idempotent(request_.method()) && there && !wants_upgrade_;
}

bool Exchange::retry_after(const RetryDecision& decision, bool late) {
  if (decision.limit_reached) counters_.add(kRouteRqRetryLimitExceeded);
  if (decision.overflow) counters_.add(kRouteRqRetryOverflow);
  if (decision.succeeded) counters_.add(kRouteRqRetrySuccess);
  if (!decision.retry) return false;
  forget_try();
  if (virtual_host_->include_is_timeout_retry_header)
    request_.set(HeaderId::kXEnvoyIsTimeoutRetry, late ? "true" : "false");
  counters_.add(kRouteRqRetry);
  cluster_->stats().add(kUpstreamRqRetry);
  cluster_->stats().add(decision.rate_limited ? kUpstreamRqRetryBackoffRatelimited
                                              : kUpstreamRqRetryBackoffExponential);
  worker_.arm(back_off_timer_, decision.delay);
  return true;
}

void Exchange::on_back_off_over() {
  const WorkingFor working(info_);
  if (redirected_) {
    start_again();
    return;
  }
  // Before the request's end its time does not run.
  const bool runs = info_.request_received != MonotonicTime{};
  const auto elapsed = runs ? std::chrono::duration_cast<Milliseconds>(clock().now() - info_.request_received)
                            : Milliseconds(0);
  announce_time_left(route_->forward, http(),
                     {.response = response_timeout_,
                      .per_try = retry_.per_try_timeout(),
                      .hedges = retry_.hedges(),
                      .elapsed = elapsed},
                     request_);
  count_attempt();
  start_try();
}

}  // namespace remora
