#include "rollout/tick.h"

#include <algorithm>

namespace remora::rollout {

using istio::AlertSeverity;
using istio::HookType;

Tick::Tick(const Observation& seen, const Answers& answers)
    : seen_(seen),
      answers_(answers),
      spec_(*seen.spec),
      analysis_(seen.spec->analysis),
      next_(decision_.next) {
  next_ = seen.status;
}

std::variant<Question, Decision> Tick::run() {
  if (spec_.suspend || next_.paused) return unchanged();
  const Phase phase = next_.phase;
  if (phase == Phase::kNone || phase == Phase::kInitializing) return *initialize();
  if (next_.owes_post_rollout) return *after_the_end();
  if (Step step = check_copy()) return *step;
  forget_gone_revisions();
  if (phase == Phase::kInitialized || phase == Phase::kSucceeded || phase == Phase::kFailed ||
      phase == Phase::kWaiting) {
    return *start_new_revision();
  }
  if (Step step = check_primary()) return *step;
  if (Step step = check_revision()) return *step;
  if (Step step = check_canary_ready()) return *step;
  if (spec_.skip_analysis) {
    skip_analysis();
    return done("promote", "the analysis is skipped: " + next_.last_applied + " is the primary");
  }
  if (Step step = check_rollback_hooks()) return *step;
  if (phase == Phase::kPromoting) {
    shift_back();
    return done("promote", decision_.events.back().text);
  }
  if (phase == Phase::kFinalising) {
    finalise();
    return done("promote", "promotion of " + next_.last_promoted + " completed");
  }
  if (next_.failed_checks >= analysis_.threshold) {
    roll_back("failed checks threshold reached: " + std::to_string(next_.failed_checks), "rollback");
    return done("rollback", next_.message);
  }
  return *analyse();
}

/// The first sight: the revision that is there becomes the primary; of several, the oldest.
Tick::Step Tick::initialize() {
  if (seen_.copies) return initialize_copy();
  const Revision* oldest = nullptr;
  for (const Revision& revision : seen_.revisions) {
    if (oldest == nullptr ||
        std::tie(revision.created, revision.version) < std::tie(oldest->created, oldest->version)) {
      oldest = &revision;
    }
  }
  if (!is_ready(oldest, spec_.skip_analysis ? 0 : analysis_.primary_ready_threshold)) {
    const std::string why =
        oldest == nullptr ? "no workload of " + target() + " with a version label is known yet" + seen_.hint
                          : "the workloads of " + oldest->version + " are not ready yet";
    return wait_for(why);
  }
  next_.primary_revision = next_.last_promoted = oldest->version;
  apply(oldest->version);
  std::string text = oldest->version + " is the primary";
  if (seen_.revisions.size() > 1) text += ", being the oldest of " + std::to_string(seen_.revisions.size());
  return initialized(std::move(text));
}

Tick::Step Tick::initialized(std::string text) {
  text.insert(0, "Initialization done! ");
  next_.weights = {};
  next_.not_ready_since = kNever;
  set_phase(Phase::kInitialized);
  say(false, text);
  alert(AlertSeverity::kInfo, "New " + spec_.target_kind + " detected, initialization completed.", true);
  return done("initialize", text);
}

/// Hooks that are called once a rollout is over; owed until they were, over a restart as well.
Tick::Step Tick::after_the_end() {
  const auto* checks = answered(HookType::kPostRollout);
  if (checks == nullptr) return Question{HookType::kPostRollout};
  checks_ = *checks;
  next_.owes_post_rollout = false;
  for (const Check& check : *checks) {
    say(check.failed(), check.failed() ? "Post-rollout hook " + check.name + " failed: " + check.text
                                       : "Post-rollout check " + check.name + " passed");
  }
  return done("post-rollout", "post-rollout hooks were called");
}

/// A revision whose workloads are gone is news again when it comes back.
void Tick::forget_gone_revisions() {
  const auto gone = [&](const std::string& version) {
    return find_revision(seen_.revisions, version) == nullptr;
  };
  next_.retired.erase(std::remove_if(next_.retired.begin(), next_.retired.end(), gone), next_.retired.end());
  const bool over = next_.phase == Phase::kFailed || next_.phase == Phase::kSucceeded;
  if (over && next_.last_applied != next_.primary_revision && gone(next_.last_applied)) {
    apply(next_.primary_revision);
  }
}

const Revision* Tick::newest_news() const {
  const Revision* newest = nullptr;
  for (const Revision& revision : seen_.revisions) {
    const std::string& version = revision.version;
    const bool known = version == next_.primary_revision || version == next_.last_applied ||
                       std::count(next_.retired.begin(), next_.retired.end(), version) > 0;
    if (known) continue;
    if (newest == nullptr ||
        std::tie(newest->created, newest->version) < std::tie(revision.created, revision.version)) {
      newest = &revision;
    }
  }
  return newest;
}

Tick::Step Tick::start_new_revision() {
  const Revision* news = newest_news();
  if (news == nullptr) {
    if (next_.phase == Phase::kWaiting) {
      set_phase(Phase::kInitialized);
      say(false, "The revision that waited for approval is gone");
      return done("wait", next_.message);
    }
    if (next_.retired != seen_.status.retired || next_.last_applied != seen_.status.last_applied) {
      decision_.changed = true;
      return decision_;
    }
    return unchanged();
  }
  if (Step step = adopt(*news)) return step;
  if (Step step = check_primary()) return step;
  const auto* checks = answered(HookType::kConfirmRollout);
  if (checks == nullptr) return Question{HookType::kConfirmRollout};
  checks_ = *checks;
  if (!checks->empty() && checks->back().failed()) {
    if (next_.phase == Phase::kWaiting) return unchanged();
    set_phase(Phase::kWaiting);
    say(true, "Halt " + target() + " advancement waiting for approval " + checks->back().name);
    if (!checks->back().mute_alert) alert(AlertSeverity::kWarn, "Canary is waiting for approval.");
    return done("wait", next_.message);
  }
  for (const Check& check : *checks) say(false, "Confirm-rollout check " + check.name + " passed");
  begin_analysis(news->version, false);
  return done("start", next_.message);
}

/// Where nobody keeps the primary's workloads alive, they may have been replaced. There is nothing to compare
/// with then, and requests to the primary fail: after one interval of that, the new revision takes over.
Tick::Step Tick::adopt(const Revision& news) {
  if (seen_.copies) return {};
  const bool gone = find_revision(seen_.revisions, next_.primary_revision) == nullptr;
  if (!gone || next_.not_ready_since == kNever || !is_ready(&news, 1)) return {};
  say(true, "The workloads of the primary " + next_.primary_revision + " are gone: " + news.version +
                " takes over without an analysis");
  const std::string reason = next_.message;
  next_.primary_revision = next_.last_promoted = news.version;
  apply(news.version);
  next_.not_ready_since = kNever;
  set_weights({});
  set_phase(Phase::kInitialized);
  return done("initialize", reason);
}

/// A newer revision in the middle of an analysis begins it anew.
Tick::Step Tick::check_revision() {
  if (next_.phase != Phase::kProgressing && next_.phase != Phase::kWaitingPromotion) return {};
  if (Step step = check_set_back()) return step;
  const Revision* news = newest_news();
  if (news == nullptr) return {};
  const Revision* current = find_revision(seen_.revisions, next_.last_applied);
  if (current != nullptr &&
      std::tie(news->created, news->version) < std::tie(current->created, current->version)) {
    next_.retired.push_back(news->version);  // older than what is being analysed: no news
    return {};
  }
  begin_analysis(news->version, true);
  return done("start", next_.message);
}

Tick::Step Tick::analyse() {
  const Weights& weights = next_.weights;
  const bool starting = weights.canary == 0 && next_.iterations == 0 && !(analysis_.mirror && weights.mirror);
  const HookType type = starting ? HookType::kPreRollout : HookType::kRollout;
  const auto* hooks = answered(type);
  if (hooks == nullptr) return Question{type};
  checks_ = *hooks;
  const bool hook_failed = !hooks->empty() && hooks->back().failed();
  if (!starting && !hook_failed) {
    if (!answers_.metrics) return Question{};
    checks_.insert(checks_.end(), answers_.metrics->begin(), answers_.metrics->end());
  }
  if (starting) say(false, "Starting canary analysis for " + target());
  if (Step step = judge(checks_, starting)) return step;
  if (next_.compared_since != kNever && !next_.slow_bound_ms && seen_.slow_bound_ms) {
    next_.slow_bound_ms =
        seen_.slow_bound_ms;  // the primary had no traffic before: the comparison begins now
    next_.compared_since = seen_.now;
  }
  return advance();
}

/// A failed check counts and holds; an inconclusive one only holds.
Tick::Step Tick::judge(const std::vector<Check>& checks, bool starting) {
  const auto failed = std::find_if(checks.begin(), checks.end(), [](const Check& c) { return c.failed(); });
  if (failed != checks.end()) {
    ++next_.failed_checks;
    next_.last_transition = seen_.now;
    const char* what = failed->kind != "webhook" ? " advancement "
                       : starting                ? " advancement pre-rollout check "
                                                 : " advancement external check ";
    say(true, "Halt " + target() + what + (failed->kind == "webhook" ? failed->name + " failed: " : "") +
                  failed->text);
    return done("hold", next_.message);
  }
  const auto unclear = std::find_if(checks.begin(), checks.end(),
                                    [](const Check& c) { return c.outcome == Outcome::kInconclusive; });
  if (unclear == checks.end()) return {};
  if (!next_.slow_bound_ms && seen_.slow_bound_ms && next_.compared_since != kNever) {
    next_.slow_bound_ms = seen_.slow_bound_ms;
    next_.compared_since = seen_.now;
  }
  say(false, "Hold " + target() + " advancement: " + unclear->name + " is inconclusive: " + unclear->text);
  return done("hold", next_.message);
}

}  // namespace remora::rollout
