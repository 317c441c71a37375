#include <algorithm>

#include "rollout/tick.h"

// Moves from one state to another, and what is said of them.
namespace remora::rollout {
namespace {

using istio::AlertSeverity;

struct PhaseText {
  const char* status;
  const char* text;
};

PhaseText promoted_condition(Phase phase) {
  switch (phase) {
    case Phase::kNone:
    case Phase::kInitializing: return {"Unknown", "New target detected, starting initialization."};
    case Phase::kInitialized: return {"True", "Initialization completed."};
    case Phase::kWaiting:
    case Phase::kWaitingPromotion: return {"Unknown", "Waiting for approval."};
    case Phase::kProgressing: return {"Unknown", "New revision detected, progressing canary analysis."};
    case Phase::kPromoting:
      return {"Unknown", "Canary analysis completed, the primary takes the new revision."};
    case Phase::kFinalising: return {"Unknown", "Canary analysis completed, routing all traffic to primary."};
    case Phase::kSucceeded: return {"True", "Canary analysis completed successfully, promotion finished."};
    case Phase::kFailed: return {"False", "Canary analysis failed, all traffic goes to the primary."};
    case Phase::kTerminating: return {"Unknown", "The Canary is being deleted."};
  }
  return {"Unknown", ""};
}

}  // namespace

void Tick::set_phase(Phase phase) {
  next_.phase = phase;
  next_.last_transition = seen_.now;
  const PhaseText text = promoted_condition(phase);
  set_condition(next_,
                {"Promoted", text.status, std::string(to_string(phase)), text.text, seen_.now, kNever});
}

void Tick::set_weights(Weights weights) {
  const bool had_traffic = next_.weights.canary > 0 || next_.weights.mirror;
  const bool gets_traffic = weights.canary > 0 || weights.mirror;
  next_.weights = weights;
  next_.last_transition = seen_.now;
  if (!had_traffic && gets_traffic) {
    next_.compared_since = seen_.now;
    next_.slow_bound_ms = seen_.slow_bound_ms;
  }
  if (!analysis_.session_affinity) return;
  if (weights.canary == 0) return refuse_cookie();
  const istio::SessionAffinity& affinity = *analysis_.session_affinity;
  if (next_.cookie.empty()) next_.cookie = affinity.cookie_name + '=' + seen_.fresh_cookie;
  if (!affinity.primary_cookie_name.empty() && next_.primary_cookie.empty()) {
    next_.primary_cookie = affinity.primary_cookie_name + "=p" + seen_.fresh_cookie;
  }
}

/// Clients that still have the canary's cookie must lose it.
void Tick::refuse_cookie() {
  if (!next_.cookie.empty()) next_.previous_cookie = std::move(next_.cookie);
  next_.cookie.clear();
}

void Tick::begin_analysis(const std::string& version, bool restart) {
  if (restart) next_.retired.push_back(next_.last_applied);
  size_t passed_over = 0;
  for (const Revision& other : seen_.revisions) {
    const bool known = other.version == next_.primary_revision || other.version == version ||
                       std::count(next_.retired.begin(), next_.retired.end(), other.version) > 0;
    if (known) continue;
    next_.retired.push_back(other.version);
    ++passed_over;
  }
  apply(version);
  next_.failed_checks = next_.iterations = next_.canary_weight = 0;
  set_weights({});
  next_.compared_since = next_.not_ready_since = kNever;
  next_.slow_bound_ms.reset();
  set_phase(Phase::kProgressing);
  const std::string which =
      passed_over == 0 ? version
                       : version + ", the newest of " + std::to_string(passed_over + 1) + " new revisions,";
  if (restart) {
    say(false, "New revision detected! Restarting analysis for " + target() + " with " + which);
    return;
  }
  say(false, "New revision detected! " + which + " is the canary of " + target());
  alert(AlertSeverity::kInfo, "New revision detected, progressing canary analysis.", true);
}

void Tick::promote() {
  next_.paused = false;
  if (next_.primary_revision != next_.last_applied) next_.retired.push_back(next_.primary_revision);
  next_.primary_revision = next_.last_applied;
  next_.not_ready_since = kNever;
  set_phase(Phase::kPromoting);
  say(false, "Promoting " + target() + ": the primary takes over " + next_.last_applied);
}

void Tick::finalise() {
  next_.last_promoted = next_.last_applied;
  next_.canary_weight = next_.iterations = next_.failed_checks = 0;
  next_.owes_post_rollout = has_hooks(istio::HookType::kPostRollout);
  set_phase(Phase::kSucceeded);
  say(false, "Promotion completed! " + next_.last_promoted + " is the primary of " + target());
  alert(AlertSeverity::kInfo, "Canary analysis completed successfully, promotion finished.");
  decision_.ending = Ending::kSucceeded;
}

void Tick::skip_analysis() {
  promote();
  set_weights({});
  finalise();
  decision_.events.clear();
  decision_.alerts.clear();
  say(false, "Promotion completed! Canary analysis was skipped for " + target());
  alert(AlertSeverity::kInfo, "Canary analysis was skipped, promotion finished.");
  decision_.ending = Ending::kSkipped;
}

void Tick::roll_back(const std::string& why, const char* decision) {
  if (next_.failed_checks >= analysis_.threshold && std::string_view(decision) == "rollback") {
    say(true, "Rolling back " + target() + " failed checks threshold reached " +
                  std::to_string(next_.failed_checks));
    alert(AlertSeverity::kError, "Failed checks threshold reached " + std::to_string(next_.failed_checks));
  }
  if (!seen_.copies && (next_.phase == Phase::kPromoting || next_.phase == Phase::kFinalising)) {
    next_.primary_revision = next_.last_promoted;
    next_.retired.erase(std::remove(next_.retired.begin(), next_.retired.end(), next_.primary_revision),
                        next_.retired.end());
  }
  set_weights({});
  next_.paused = false;
  next_.canary_weight = next_.iterations = next_.failed_checks = 0;
  next_.not_ready_since = kNever;
  next_.owes_post_rollout = has_hooks(istio::HookType::kPostRollout);
  set_phase(Phase::kFailed);
  say(true, "Canary failed! " + target() + ' ' + next_.last_applied + " gets no more traffic: " + why);
  decision_.ending = Ending::kFailed;
}

/// The old primary is gone and the new one not ready: requests stay with what the canary Service selects.
void Tick::fail_promotion(const std::string& why) {
  set_weights({0, 100, false});
  next_.canary_weight = 100;
  next_.iterations = next_.failed_checks = 0;
  next_.last_promoted = next_.last_applied;
  next_.owes_post_rollout = has_hooks(istio::HookType::kPostRollout);
  set_phase(Phase::kFailed);
  say(true, "Promotion of " + target() + " failed: " + why);
  alert(AlertSeverity::kError, "Promotion failed: " + why);
  decision_.ending = Ending::kFailed;
}

Decision Tick::give_up(const std::string& why) {
  roll_back(why, "rollback");
  alert(AlertSeverity::kError, "Rolled back: " + why);
  return done("rollback", why);
}

Result<Decision> Tick::act(Action action) {
  const Phase phase = next_.phase;
  const bool waiting = phase == Phase::kWaiting;
  const bool analysing = waiting || phase == Phase::kProgressing || phase == Phase::kWaitingPromotion;
  const std::string now =
      " is " + (phase == Phase::kNone ? "not initialized" : std::string(to_string(phase)));
  if (action == Action::kPause || action == Action::kResume) {
    const bool pause = action == Action::kPause;
    if (next_.paused == pause) return Error{target() + (pause ? " is paused already" : " is not paused")};
    next_.paused = pause;
    say(false, pause ? "Paused by hand" : "Resumed by hand");
    return done(pause ? "pause" : "resume", next_.message);
  }
  if (waiting) {
    const Revision* news = newest_news();
    if (news == nullptr) return Error{target() + now + ", and the revision that waited is gone"};
    begin_analysis(news->version, false);
    decision_.alerts.clear();
  }
  if (action == Action::kPromote) {
    if (!analysing) return Error{target() + now + ": there is no canary to promote"};
    promote();
    decision_.again = true;
    return done("promote", "promoted by hand: " + next_.last_applied);
  }
  if (seen_.copies && phase == Phase::kPromoting) {
    return Error{target() + now + ": its primary has the new revision already"};
  }
  if (!analysing && phase != Phase::kPromoting) return Error{target() + now + ": there is nothing to abort"};
  roll_back("aborted by hand", "abort");
  alert(AlertSeverity::kWarn, "Rolled back by hand");
  return done("abort", "aborted by hand: " + next_.last_applied);
}

void Tick::apply(const std::string& version) {
  next_.last_applied = version;
  const Revision* revision = find_revision(seen_.revisions, version);
  next_.tracked_configs = revision == nullptr ? std::map<std::string, std::string>() : revision->configs;
}

/// Said once, however often it is looked.
Decision Tick::wait_for(const std::string& why) {
  if (next_.phase == Phase::kInitializing && next_.message == why) return unchanged();
  set_phase(Phase::kInitializing);
  say(false, why);
  return done("wait", why);
}

Decision Tick::done(std::string decision, std::string reason) {
  decision_.changed = true;
  decision_.again = decision_.again || next_.owes_post_rollout;
  next_.last_tick = seen_.now;
  next_.message = reason;
  TimelineEntry entry;
  entry.time = seen_.now;
  entry.phase = to_string(next_.phase);
  entry.weight = next_.weights.canary;
  entry.decision = std::move(decision);
  entry.reason = std::move(reason);
  entry.checks = checks_;
  add_entry(next_, std::move(entry));
  return decision_;
}

Decision Tick::unchanged() {
  Decision decision;
  decision.next = seen_.status;
  return decision;
}

void Tick::say(bool warning, std::string text) {
  next_.message = text;
  decision_.events.push_back({warning, std::move(text)});
}

void Tick::alert(istio::AlertSeverity severity, std::string text, bool with_facts) {
  decision_.alerts.push_back({severity, std::move(text), with_facts});
}

std::variant<Question, Decision> decide(const Observation& seen, const Answers& answers) {
  return Tick(seen, answers).run();
}

Decision give_up(const Observation& seen, const std::string& why) {
  static const Answers kNone;
  return Tick(seen, kNone).give_up(why);
}

Result<Decision> act(const Observation& seen, Action action) {
  static const Answers kNone;
  return Tick(seen, kNone).act(action);
}

std::string_view phase_for_hook(istio::HookType type, const Status& status) {
  switch (type) {
    case istio::HookType::kConfirmRollout:
    case istio::HookType::kRollback:
    case istio::HookType::kPostRollout:
    case istio::HookType::kEvent: return to_string(status.phase);
    default: return to_string(Phase::kProgressing);
  }
}

const Revision* find_revision(const std::vector<Revision>& revisions, const std::string& version) {
  const auto found = std::find_if(revisions.begin(), revisions.end(),
                                  [&](const Revision& revision) { return revision.version == version; });
  return found == revisions.end() ? nullptr : &*found;
}

std::string_view to_string(Action action) {
  switch (action) {
    case Action::kPause: return "pause";
    case Action::kResume: return "resume";
    case Action::kPromote: return "promote";
    case Action::kAbort: return "abort";
  }
  return "";
}

Result<Action> parse_action(std::string_view word) {
  for (const Action action : {Action::kPause, Action::kResume, Action::kPromote, Action::kAbort}) {
    if (word == to_string(action)) return action;
  }
  return Error{"\"" + std::string(word.substr(0, 40)) + "\" is none of pause, resume, promote, abort"};
}

}  // namespace remora::rollout
