#include <algorithm>

#include "rollout/tick.h"

// Where a passed analysis leads, by strategy.
namespace remora::rollout {

using istio::AlertSeverity;
using istio::CanaryStrategy;
using istio::HookType;

uint32_t last_weight(const istio::CanaryAnalysis& analysis) {
  if (!analysis.step_weights.empty()) return std::min(100U, analysis.step_weights.back());
  return analysis.max_weight > 0 ? analysis.max_weight : 100;
}

uint32_t next_step(const istio::CanaryAnalysis& analysis, uint32_t weight) {
  const auto& steps = analysis.step_weights;
  if (analysis.step_weight > 0 || steps.empty()) return analysis.step_weight;
  const uint32_t room = 100 - weight;
  if (room == 0) return 1;  // nothing is left to raise, but to promote
  if (weight == 0) return std::min(room, steps.front());
  for (size_t i = 0; i + 1 < steps.size(); ++i) {
    if (steps[i] == weight) return std::min(room, steps[i + 1] - weight);
  }
  return room;
}

Tick::Step Tick::advance() {
  if (spec_.strategy() != CanaryStrategy::kCanary) return advance_iterations();
  if (next_step(analysis_, next_.weights.canary) == 0) {
    say(true, "Halt " + target() + " advancement: neither stepWeight nor stepWeights is given");
    return done("hold", next_.message);
  }
  if (!next_.weights.mirror && next_.phase != Phase::kWaitingPromotion) {
    const auto* checks = answered(HookType::kConfirmTrafficIncrease);
    if (checks == nullptr) return Question{HookType::kConfirmTrafficIncrease};
    checks_.insert(checks_.end(), checks->begin(), checks->end());
    if (!checks->empty() && checks->back().failed()) {
      say(true,
          "Halt " + target() + " advancement waiting for traffic increase approval " + checks->back().name);
      if (!checks->back().mute_alert) {
        alert(AlertSeverity::kWarn, "Canary traffic increase is waiting for approval.");
      }
      return done("wait", next_.message);
    }
    for (const Check& check : *checks) say(false, "Confirm-traffic-increase check " + check.name + " passed");
  }
  return advance_canary();
}

/// Progressive traffic: one step more, the first perhaps mirrored; at the end the promotion.
Tick::Step Tick::advance_canary() {
  const uint32_t weight = next_.weights.canary;
  if (weight >= last_weight(analysis_)) {
    if (Step step = confirm_promotion()) return step;
    promote();
    return done("promote", next_.message);
  }
  if (analysis_.mirror && weight == 0 && !next_.weights.mirror) {
    set_weights({100, 0, true});
    say(false, "Advance " + target() + " mirroring requests to the canary");
    return done("advance", next_.message);
  }
  const uint32_t raised = std::min(100U, weight + next_step(analysis_, weight));
  set_weights({100 - raised, raised, false});
  next_.canary_weight = raised;
  say(false, "Advance " + target() + " canary weight " + std::to_string(raised));
  return done("advance", next_.message);
}

/// A/B and blue/green: a number of good intervals, then the promotion. Blue/green has one interval more, in
/// which the canary gets all requests.
Tick::Step Tick::advance_iterations() {
  const bool blue_green = spec_.strategy() == CanaryStrategy::kBlueGreen;
  if (next_.iterations < analysis_.iterations) {
    if (!blue_green) set_weights({0, 100, false});
    if (blue_green && analysis_.mirror && !next_.weights.mirror) set_weights({100, 0, true});
    ++next_.iterations;
    next_.last_transition = seen_.now;
    say(false, "Advance " + target() + " canary iteration " + std::to_string(next_.iterations) + '/' +
                   std::to_string(analysis_.iterations));
    return done("advance", next_.message);
  }
  if (Step step = confirm_promotion()) return step;
  if (blue_green && next_.iterations == analysis_.iterations) {
    set_weights({0, 100, false});
    ++next_.iterations;
    say(false, "Routing all traffic to canary");
    return done("advance", next_.message);
  }
  promote();
  return done("promote", next_.message);
}

/// Nothing where the promotion may go on.
Tick::Step Tick::confirm_promotion() {
  const auto* checks = answered(HookType::kConfirmPromotion);
  if (checks == nullptr) return Question{HookType::kConfirmPromotion};
  checks_.insert(checks_.end(), checks->begin(), checks->end());
  if (checks->empty() || !checks->back().failed()) {
    for (const Check& check : *checks) say(false, "Confirm-promotion check " + check.name + " passed");
    return {};
  }
  // As in Flagger: strategies that count go back by one iteration while they wait, and are analysed again.
  if (analysis_.iterations > 0) next_.iterations = analysis_.iterations - 1;
  if (next_.phase != Phase::kWaitingPromotion) {
    set_phase(Phase::kWaitingPromotion);
    say(true, "Halt " + target() + " advancement waiting for promotion approval " + checks->back().name);
    if (!checks->back().mute_alert) alert(AlertSeverity::kWarn, "Canary promotion is waiting for approval.");
  }
  return done("wait", "waiting for promotion approval " + checks->back().name);
}

/// The primary serves the new revision already: requests go back to it, at once or step by step.
void Tick::shift_back() {
  const uint32_t step = analysis_.step_weight_promotion;
  // A target that was changed meanwhile runs something that nobody has looked at.
  const bool gone = seen_.copies && find_revision(seen_.revisions, next_.last_applied) == nullptr;
  const uint32_t left = gone || step == 0 || next_.weights.canary <= step ? 0 : next_.weights.canary - step;
  set_weights({100 - left, left, false});
  next_.canary_weight = left;
  say(false, left == 0 && step == 0
                 ? "Routing all traffic to primary"
                 : "Advance " + target() + " primary weight " + std::to_string(100 - left));
  if (left == 0) set_phase(Phase::kFinalising);
}

}  // namespace remora::rollout
