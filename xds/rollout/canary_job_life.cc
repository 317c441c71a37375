#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "rollout/canary_job.h"
#include "rollout/parsed.h"

// A job from its start to its end: what it knows, what happens to it, when it is due.
namespace remora::rollout {
namespace {

using std::chrono::milliseconds;

/// Whether a target that is copied has pods of another revision than what was looked at: they may get
/// requests already, so that is looked at before the interval is over.
bool has_other_revision(const Observation& seen) {
  if (!seen.copies || seen.revisions.empty() || !seen.problem.empty()) return false;
  const Status& status = seen.status;
  const std::string& version = seen.revisions.front().version;
  const bool analysed = status.phase == Phase::kProgressing || status.phase == Phase::kWaitingPromotion;
  return version != status.last_applied && (analysed || version != status.primary_revision);
}

std::string random_letters() {
  static std::random_device device;
  std::string text;
  for (int i = 0; i < 10; ++i) text += static_cast<char>('a' + device() % 26);
  return text;
}

}  // namespace

CanaryJob::CanaryJob(const Environment& environment, Counters& counters, store::ObjectKey key,
                     std::function<void()> changed)
    : environment_(environment),
      counters_(counters),
      key_(std::move(key)),
      changed_(std::move(changed)),
      timer_(environment.context),
      outbox_(environment.context,
              [log = environment.log, name = key_.text()](bool warning, const std::string& text) {
                log(warning, name + ": " + text);
              }) {}

/// First the objects are brought to what the status says, whatever came between the two; then time goes on.
void CanaryJob::start() {
  ticking_ = true;
  look([this] {
    if (must_sign()) return sign();
    if (is_deleted()) return give_back();
    reconcile([this](bool changed) {
      if (changed && is_active()) not_before_ = environment_.now() + interval();
      rest(next_due());
    });
  });
}

void CanaryJob::stop() {
  stopped_ = true;
  ++ticket_;
  timer_.cancel();
  operation_.reset();
  if (spec_) counters_.forget(labels());
}

/// Reads the Canary and what it is about, then goes on; not where it is gone or cannot be understood.
void CanaryJob::look(std::function<void()> then) {
  if (!read_canary()) {
    ticking_ = false;
    return run_waiting_acts();
  }
  const std::vector<store::ObjectKey> named = workloads_->configs();
  if (named.empty()) {
    configs_read_ = true;
    observe();
    return then();
  }
  const auto on_read = [self = shared_from_this(), ticket = ++ticket_,
                        then = std::move(then)](KnownConfigs configs) {
    boost::asio::post(self->environment_.context, [self, ticket, then, configs = std::move(configs)] {
      if (self->stopped_ || ticket != self->ticket_) return;
      self->configs_ = configs;
      self->configs_read_ = true;
      self->observe();
      then();
    });
  };
  operation_ = read_configs(environment_.store, named, on_read);
}

/// Reads the Canary. False where it is gone or cannot be understood.
bool CanaryJob::read_canary() {
  const store::ObjectPtr present = environment_.store.get(key_);
  if (!present) return false;
  // What was answered to our own write may be newer than what the store has heard of.
  if (!object_ || present->version > object_->version) object_ = present;
  Result<istio::Canary> spec = parse_spec<istio::Canary>(*object_);
  if (!spec.ok()) {
    report_problem(spec.error().message);
    schedule(environment_.now() + interval());
    return false;
  }
  spec_ = std::move(*spec);
  workloads_ = make_workloads(environment_, configs_, *spec_, object_);
  return true;
}

void CanaryJob::observe() {
  seen_ = Observation{};
  seen_.spec = &*spec_;
  seen_.name = key_.name;
  seen_.ns = key_.ns;
  seen_.status = status_of(object_->body);
  seen_.now = environment_.now();
  const Time sent = seen_.status.last_tick + settle_time();
  const bool is_time = sent <= seen_.now;
  const bool may_wait = is_time && !is_active() && seen_.now < sent + environment_.patience;
  awaits_proxies_ = may_wait && !environment_.proxies_follow();
  seen_.settled = is_time && !awaits_proxies_;
  workloads_->observe(seen_);
  seen_.fresh_cookie = random_letters();
  seen_.slow_bound_ms = slow_bound(environment_.traffic, workloads_->targets(seen_).primary, interval());
  update_counters();
}

/// Told in the log, in view() and, as well as it can be, in the status.
void CanaryJob::report_problem(const std::string& problem) {
  if (problem == problem_ && told_) return;
  const bool news = std::exchange(problem_, problem) != problem;
  told_ = true;
  if (news && !problem.empty()) environment_.log(true, key_.text() + ": " + problem);
  Status status = status_of(object_->body);
  set_condition(
      status, {"Reconciled", problem.empty() ? "True" : "False", problem.empty() ? "Reconciled" : "Blocked",
               problem.empty() ? "All objects are as they should be." : problem, environment_.now(), kNever});
  boost::json::object body = object_->body;
  body["status"] = to_json(status);
  environment_.store.update_status(key_, std::move(body), {object_->version, ""},
                                   [weak = weak_from_this(), status](const store::WriteResult& result) {
                                     const auto self = weak.lock();
                                     const auto* object = std::get_if<store::ObjectPtr>(&result);
                                     if (!self) return;
                                     self->told_ = object != nullptr;  // else at the next tick
                                     if (object == nullptr) return;
                                     self->object_ = *object;
                                     self->seen_.status.conditions = status.conditions;
                                   });
  if (changed_) changed_();
}

bool CanaryJob::same_to_us(const store::Object& a, const store::Object& b) {
  const auto part = [](const store::Object& object, const char* name) {
    const auto* value = object.body.if_contains(name);
    return value == nullptr ? boost::json::value() : *value;
  };
  return part(a, "spec") == part(b, "spec") && part(a, "status") == part(b, "status");
}

void CanaryJob::on_change(const store::ObjectPtr& canary) {
  missed_change_ = missed_change_ || ticking_;
  if (stopped_ || ticking_ || (object_ && canary->version <= object_->version)) return;
  const bool other_spec = !object_ || !same_to_us(*canary, *object_);
  object_ = canary;
  if (!other_spec) return;
  ticking_ = true;
  look([this] {
    if (must_sign()) return sign();
    if (is_deleted()) return give_back();
    // Another interval moves the next tick; another service is put into the objects at once.
    reconcile([this](bool) { rest(next_due()); });
  });
}

void CanaryJob::on_workload(const store::ObjectKey& workload) {
  if (stopped_ || !spec_) return;
  if (workload.type == kServiceType && spec_->target_kind != "Service") return;
  const bool other = workload.name != spec_->target_name && workload.name != spec_->target_name + "-primary";
  if (seen_.copies && other) return;
  missed_workload_ = ticking_;
  if (!ticking_) follow_workloads();
}

void CanaryJob::follow_workloads() {
  const Phase phase = seen_.status.phase;
  bool waits = phase == Phase::kNone || phase == Phase::kInitializing || phase == Phase::kTerminating;
  if (seen_.copies) {
    Observation seen = seen_;
    seen.revisions.clear();
    workloads_->observe(seen);
    waits = waits || (phase != Phase::kWaiting && has_other_revision(seen));
  }
  if (waits) schedule(environment_.now() + milliseconds(20));
}

void CanaryJob::act(Action action, std::function<void(Result<void>)> done) {
  if (stopped_) return done(Error{key_.text() + " is gone"});
  if (writing_ || (!configs_read_ && ticking_)) {
    waiting_acts_.emplace_back(action, std::move(done));
    return;
  }
  ++ticket_;
  operation_.reset();  // a tick in between is given up: nothing of it has happened yet
  ticking_ = false;
  if (!read_canary()) return done(Error{key_.text() + " cannot be acted on: " + problem_});
  observe();
  Result<Decision> decision = rollout::act(seen_, action);
  if (!decision.ok()) {
    schedule(std::max(due_, seen_.now));
    return done(std::move(decision).error());
  }
  ticking_ = true;
  commit(std::move(*decision), std::move(done));
}

void CanaryJob::run_waiting_acts() {
  if (waiting_acts_.empty() || writing_) return;
  auto [action, done] = std::move(waiting_acts_.front());
  waiting_acts_.pop_front();
  act(action, std::move(done));
}

bool CanaryJob::is_active() const {
  switch (seen_.status.phase) {
    case Phase::kProgressing:
    case Phase::kWaitingPromotion:
    case Phase::kPromoting:
    case Phase::kFinalising: return true;
    default: return false;
  }
}

bool CanaryJob::is_analysed() const {
  return seen_.status.phase == Phase::kProgressing || seen_.status.phase == Phase::kWaitingPromotion;
}

Time CanaryJob::next_due() const {
  const Status& status = seen_.status;
  const bool unknown =
      status.last_tick == kNever || status.last_tick > seen_.now;  // or the clock was set back
  if (again_ || status.owes_post_rollout || unknown) return seen_.now;
  if (!is_active() || has_other_revision(seen_)) return seen_.now;
  return std::max(status.last_tick + interval(), not_before_);
}

void CanaryJob::rest(Time due) {
  due_ = due;
  finish();
}

void CanaryJob::schedule(Time due) {
  due_ = due;
  const auto delay =
      std::clamp<milliseconds>(due - environment_.now(), milliseconds(0), std::chrono::hours(24));
  timer_.expires_after(delay);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!error && self) self->tick();
  });
}

milliseconds CanaryJob::interval() const {
  if (!spec_) return environment_.min_interval;
  return std::max(std::chrono::ceil<milliseconds>(spec_->analysis.interval), environment_.min_interval);
}

milliseconds CanaryJob::settle_time() const {
  return std::min<milliseconds>(interval(), std::chrono::seconds(10));
}

milliseconds CanaryJob::retry_delay() const { return std::min<milliseconds>(interval(), milliseconds(1000)); }

CanaryLabels CanaryJob::labels() const {
  CanaryLabels labels{spec_->target_name, key_.ns, "canary"};
  if (spec_->strategy() == istio::CanaryStrategy::kAbTesting) labels.strategy = "ab-testing";
  if (spec_->strategy() == istio::CanaryStrategy::kBlueGreen) labels.strategy = "blue-green";
  return labels;
}

}  // namespace remora::rollout
