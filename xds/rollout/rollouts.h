#pragma once

#include <boost/json/array.hpp>
#include <functional>
#include <memory>
#include <string>

#include "remora/core/result.h"
#include "store/object.h"

namespace remora::rollout {

/// What an operator can do to a canary by hand.
enum class Action { kPause, kResume, kPromote, kAbort };

/// "pause", "resume", "promote", "abort".
std::string_view to_string(Action action);
Result<Action> parse_action(std::string_view word);

/// All rollouts of a mesh as people look at them and act on them. Control thread only.
class Rollouts {
 public:
  virtual ~Rollouts() = default;

  /// Does it, durably, or says why it cannot be done now.
  virtual void act(const store::ObjectKey& canary, Action action, std::function<void(Result<void>)> done) = 0;

  /// One object a canary, for the page and `remoractl rollout`:
  /// {namespace, name, phase, message, strategy, paused, iteration, iterations, canaryWeight, primaryWeight,
  ///  maxWeight, failedChecks, threshold, intervalSeconds, nextTick, lastTransitionTime,
  ///  primary: {version, workloads, endpoints}, canary: {version, workloads, endpoints}, services: {...},
  ///  timeline: [{time, phase, weight, decision: "advance|hold|rollback|promote|start|...", reason,
  ///              checks: [{name, kind: "metric|webhook|ready", value, min, max, samples, outcome:
  ///              "pass|fail|inconclusive|error", text}]}]}   newest last, bounded to the last 200
  virtual boost::json::array view() const = 0;

  /// Called after each change of view(), until the handle is dropped.
  virtual std::shared_ptr<void> watch(std::function<void()> changed) = 0;
};

}  // namespace remora::rollout
