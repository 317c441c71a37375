// How an Exchange goes on when an attempt has become slow and hedging lets it go on: the next one begins
// beside it, and the first answer that is worth having is the answer.

#include "exchange.h"
#include "worker.h"

namespace remora {

void Exchange::hedge() {
  cluster_->report_failure(*tries_->host(), Failure::kPerTryTimeout, tries_->started());
  const auto decision = retry_.on_late_attempt(*cluster_, random());
  if (retry_after(decision, true)) {
    tries_.let_go_on();
    return;
  }
  if (decision.limit_reached) info_.flags.set(ResponseFlag::kUpstreamRetryLimitExceeded);
  if (decision.overflow) info_.flags.set(ResponseFlag::kUpstreamOverflow);
}

bool Exchange::others_may_answer(const UpstreamTry& one) const {
  return back_off_timer_.armed() || tries_.others_wait(one);
}

/// An answer that calls for a retry which cannot be: true if there are better ones to hope for.
bool Exchange::drop_useless(UpstreamTry& from, const RetryDecision& decision, bool end) {
  if (!decision.useless || !others_may_answer(from)) return false;
  const bool slow = tries_.is_slow(from);
  if (!slow) forget_try();  // the deadlines of a try are the newest one's
  if (!end) from.abandon();
  if (slow) tries_.drop(from);
  return true;
}

/// `winner` has the answer: nothing else is waited for, and what is told of the upstream is told of its host.
void Exchange::settle_on(UpstreamTry& winner) {
  if (tries_.slow().empty()) return;
  back_off_timer_.cancel();
  tries_.keep_only(winner);
  info_.upstream_host = &winner.host()->endpoint();
  info_.upstream_local = winner.local_address();
  info_.upstream_tls = winner.tls();
}

void Exchange::on_slow_try_failed(UpstreamTry& from, Failure failure, std::string_view transport_failure) {
  if (phase_ == Phase::kOver) return;
  const bool others = others_may_answer(from);
  tries_.drop(from);  // it has been reported when it became slow
  if (!others) fail(failure, transport_failure);
}

}  // namespace remora
