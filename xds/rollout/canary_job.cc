#include "rollout/canary_job.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "rollout/hooks.h"
#include "rollout/reconcile_objects.h"

namespace remora::rollout {

using std::chrono::milliseconds;

namespace {
/// For the store to hear of what somebody else has written.
constexpr milliseconds kOutdatedDelay{50};
}  // namespace

void CanaryJob::tick() {
  if (stopped_ || ticking_) return;
  ticking_ = true;
  answers_ = {};
  look([this] {
    if (must_sign()) return sign();
    if (is_deleted()) return give_back();
    if (!keep_finalizer()) return;
    reconcile([this](bool changed) {
      // Routes that had to be mended have not had an interval to be judged by.
      if (changed && is_active()) {
        not_before_ = seen_.now + interval();
        environment_.log(true, key_.text() +
                                   ": its objects were not as it wants them; they were mended, and the "
                                   "analysis waits for an interval");
      }
      if (seen_.now < next_due()) return rest(next_due());
      again_ = false;
      think();
    });
  });
}

void CanaryJob::think() {
  if (held_ && is_analysed()) {
    return commit(give_up(seen_, "it failed while nothing could be stored"), [](const Result<void>&) {});
  }
  held_ = false;
  auto step = decide(seen_, answers_);
  if (const auto* question = std::get_if<Question>(&step)) return ask(*question);
  Decision& decision = std::get<Decision>(step);
  if (!decision.changed) {
    due_ = seen_.now + (awaits_proxies_ ? retry_delay() : interval());
    return finish();
  }
  if (is_analysed()) {
    const auto spent = environment_.now() - seen_.now;
    counters_.add_duration(labels(), std::chrono::duration<double>(spent).count());
    if (answers_.metrics) counters_.set_analysis(labels(), *answers_.metrics);
  }
  commit(std::move(decision), [](const Result<void>&) {});
}

void CanaryJob::ask(const Question& question) {
  if (question.hooks) return ask_hooks(*question.hooks);
  operation_ = measure(environment_, seen_, workloads_->targets(seen_), [this](std::vector<Check> checks) {
    answers_.metrics = std::move(checks);
    think();
  });
}

void CanaryJob::ask_hooks(istio::HookType type) {
  std::vector<istio::CanaryWebhook> hooks;
  for (const istio::CanaryWebhook& hook : spec_->analysis.webhooks) {
    if (hook.type == type) hooks.push_back(hook);
  }
  const HookPayload payload{key_.name, key_.ns, std::string(phase_for_hook(type, seen_.status)),
                            checksum_of(seen_.status)};
  const bool stop_at_pass = type == istio::HookType::kRollback;
  operation_ = call_hooks(environment_.context, std::move(hooks), payload, stop_at_pass,
                          [this, type](std::vector<Check> checks) {
                            answers_.hooks[type] = std::move(checks);
                            think();
                          });
}

/// The one place where a rollout moves: the status is written first, under the version that was looked at.
void CanaryJob::commit(Decision decision, std::function<void(Result<void>)> done) {
  boost::json::object body = object_->body;
  decision.next.driver = environment_.identity;
  body["status"] = to_json(decision.next);
  writing_ = true;
  const uint64_t version = object_->version;
  environment_.store.update_status(
      key_, std::move(body), {version, ""},
      [self = shared_from_this(), decision = std::move(decision), done = std::move(done)](
          const store::WriteResult& result) { self->on_written(decision, result, done); });
}

void CanaryJob::on_written(const Decision& decision, const store::WriteResult& result,
                           const std::function<void(Result<void>)>& done) {
  writing_ = false;
  if (stopped_) return done(Error{key_.text() + " is gone"});
  if (const auto* error = std::get_if<store::WriteError>(&result)) {
    const store::ObjectPtr present = environment_.store.get(key_);
    const bool conflict = error->reason == store::WriteError::Reason::kConflict;
    if (conflict && present && present->version > object_->version && same_to_us(*present, *object_)) {
      object_ = present;  // only metadata was touched meanwhile
      return commit(decision, done);
    }
    if (error->reason == store::WriteError::Reason::kStorage) count_unwritten(decision);
    // Nothing has moved. The tick is done again, with what is there then.
    environment_.log(true, key_.text() + ": the decision could not be stored: " + error->message);
    due_ = environment_.now() + (conflict ? std::min(retry_delay(), kOutdatedDelay) : retry_delay());
    done(Error{error->message});
    return finish();
  }
  object_ = std::get<store::ObjectPtr>(result);
  seen_.status = decision.next;
  held_ = false;
  unwritten_failures_ = failed_writes_ = 0;
  signed_ = true;
  again_ = decision.again;
  seen_.settled = false;
  due_ = again_ ? seen_.now : seen_.now + (is_active() ? interval() : settle_time());
  announce(decision);
  done({});
  reconcile([this](bool) { finish(); });
}

void CanaryJob::finish() {
  operation_.reset();
  ticking_ = false;
  if (stopped_) return;
  schedule(due_);
  if (std::exchange(missed_workload_, false)) follow_workloads();
  if (changed_) changed_();
  run_waiting_acts();
  if (!std::exchange(missed_change_, false) || ticking_) return;
  if (const store::ObjectPtr present = environment_.store.get(key_)) on_change(present);
}

/// Brings the objects to what the status says. `then` is called only where that worked; else it is tried
/// again soon, and nothing else happens until it does.
void CanaryJob::reconcile(Then then) {
  if (seen_.status.primary_revision.empty()) {
    report_problem(seen_.problem);
    return then(false);
  }
  Result<Plan> plan = workloads_->plan(seen_);
  if (!plan.ok()) return on_reconciled(plan.error(), then);
  std::vector<WantedObject> wanted = std::move(plan->before);
  for (WantedObject& object : wanted_objects({*spec_, *object_, seen_.status, plan->selection})) {
    wanted.push_back(std::move(object));
  }
  for (WantedObject& object : plan->after) wanted.push_back(std::move(object));
  operation_ = reconcile_objects(
      environment_.store, object_, spec_->revert_on_deletion, spec_->service.unmanaged_labels,
      std::move(wanted),
      [self = shared_from_this(), ticket = ++ticket_, then = std::move(then)](Result<Reconciled> result) {
        boost::asio::post(self->environment_.context, [self, ticket, then, result] {
          if (ticket == self->ticket_) self->on_reconciled(result, then);
        });
      });
}

void CanaryJob::on_reconciled(Result<Reconciled> result, const Then& then) {
  if (stopped_) return;
  if (!result.ok()) {
    report_problem(result.error().message);
    return look_again(retry_delay());
  }
  if (*result == Reconciled::kOutdated) return look_again(std::min(retry_delay(), kOutdatedDelay));
  report_problem(seen_.problem);
  then(*result == Reconciled::kWritten);
}

/// The tick is given up; the next one begins anew with what is there then.
void CanaryJob::look_again(milliseconds delay) {
  ticking_ = false;
  schedule(environment_.now() + delay);
  run_waiting_acts();
}

}  // namespace remora::rollout
