#include <algorithm>

#include "rollout/tick.h"

// What is looked at before anything is analysed: readiness, deadlines, hooks that roll back.
namespace remora::rollout {

using istio::AlertSeverity;
using istio::HookType;

/// An unready primary holds everything; past the deadline it ends the rollout.
Tick::Step Tick::check_primary() {
  if (spec_.skip_analysis) return {};
  const bool analysing = next_.phase == Phase::kProgressing || next_.phase == Phase::kWaitingPromotion;
  if (is_ready(primary(), analysis_.primary_ready_threshold)) {
    if (!analysing) next_.not_ready_since = kNever;  // else the canary may still be what is waited for
    return {};
  }
  std::string why = "the primary " + next_.primary_revision + " is not ready";
  if (const Revision* there = primary(); there != nullptr && !there->not_ready.empty())
    why += ": " + there->not_ready;
  const bool first = next_.not_ready_since == kNever;
  if (first) next_.not_ready_since = seen_.now;
  const bool promoting = next_.phase == Phase::kPromoting || next_.phase == Phase::kFinalising;
  if (!past_deadline(primary()) || !(analysing || promoting)) {
    if (!first && next_.message == "Halt advancement: " + why) return unchanged();
    say(true, "Halt advancement: " + why);
    return done("hold", next_.message);
  }
  if (promoting) {
    fail_promotion(why);
  } else {
    roll_back("progress deadline exceeded: " + why, "rollback");
  }
  return done("rollback", next_.message);
}

Tick::Step Tick::check_canary_ready() {
  if (next_.phase != Phase::kProgressing && next_.phase != Phase::kWaitingPromotion) return {};
  const Revision* canary = find_revision(seen_.revisions, next_.last_applied);
  Check check{.name = "canary-ready", .kind = "ready"};
  check.value = canary == nullptr ? 0 : canary->ready;
  check.min = canary == nullptr ? 1 : canary->endpoints;
  if (is_ready(canary, analysis_.canary_ready_threshold)) {
    next_.not_ready_since = kNever;
    return {};
  }
  check.outcome = Outcome::kFail;
  check.text = "the workloads of " + next_.last_applied + " are not ready";
  if (canary != nullptr && !canary->not_ready.empty()) check.text += ": " + canary->not_ready;
  if (next_.not_ready_since == kNever) next_.not_ready_since = seen_.now;
  checks_ = {check};
  if (past_deadline(canary)) {
    const std::string why = "progress deadline exceeded: " + check.text;
    say(true, "Rolling back " + target() + ' ' + why);
    alert(AlertSeverity::kError, "Progress deadline exceeded: " + check.text);
    roll_back(why, "rollback");
    return done("rollback", why);
  }
  say(true, "Halt advancement: " + check.text);
  checks_.clear();  // so that repetitions are counted, not listed
  return done("hold", next_.message);
}

Tick::Step Tick::check_rollback_hooks() {
  if (next_.phase != Phase::kProgressing && next_.phase != Phase::kWaitingPromotion) return {};
  const auto* checks = answered(HookType::kRollback);
  if (checks == nullptr) return Question{HookType::kRollback};
  if (checks->empty() || checks->back().failed()) return {};
  checks_ = *checks;
  say(true, "Rolling back " + target() + " manual webhook invoked");
  alert(AlertSeverity::kWarn, "Rolling back manual webhook invoked");
  roll_back("the rollback hook " + checks->back().name + " asked for it", "rollback");
  return done("rollback", "the rollback hook " + checks->back().name + " asked for it");
}

bool Tick::has_hooks(HookType type) const {
  return std::any_of(analysis_.webhooks.begin(), analysis_.webhooks.end(),
                     [&](const istio::CanaryWebhook& hook) { return hook.type == type; });
}

const std::vector<Check>* Tick::answered(HookType type) const {
  static const std::vector<Check> kNone;
  if (!has_hooks(type)) return &kNone;
  const auto found = answers_.hooks.find(type);
  return found == answers_.hooks.end() ? nullptr : &found->second;
}

/// As Flagger reckons: the threshold's share of the workloads, rounded down; but at least one.
bool Tick::is_ready(const Revision* revision, uint32_t threshold) const {
  if (revision == nullptr || revision->endpoints == 0 || !revision->not_ready.empty()) return false;
  return revision->ready >= std::max<uint32_t>(threshold == 0 ? 0 : 1, revision->endpoints * threshold / 100);
}

bool Tick::past_deadline(const Revision* revision) const {
  if (revision != nullptr && revision->stuck) return true;
  return seen_.now - next_.not_ready_since >= std::chrono::seconds(spec_.deadline_seconds());
}

}  // namespace remora::rollout
