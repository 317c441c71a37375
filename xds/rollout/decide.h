#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "istio/model/canary.h"
#include "remora/core/result.h"
#include "rollout/rollouts.h"
#include "rollout/status.h"

// The rollout's mind: a pure function from what is seen to what is to be done. No clock, no store, no
// network.
namespace remora::rollout {

/// The label by which the workloads of a target are known.
struct WorkloadLabel {
  std::string key = "app";
  std::string value;
};

/// The workloads that are the same: share a version label, or come from one pod template.
struct Revision {
  std::string version;
  std::string created;  ///< of its newest workload, RFC 3339
  std::vector<std::string> workloads;
  uint32_t endpoints = 0;
  uint32_t ready = 0;
  std::string not_ready = {};  ///< why it is not ready, whatever the numbers say; empty: they decide
  bool stuck = false;          ///< if it is not ready, waiting will not help
  std::map<std::string, std::string> configs = {};  ///< ConfigMaps and Secrets that belong to it: checksums
};

/// What is seen at a tick.
struct Observation {
  const istio::Canary* spec = nullptr;
  std::string name;  ///< of the Canary
  std::string ns;
  Status status;
  WorkloadLabel label;
  std::vector<Revision> revisions;
  /// The primary is a copy that the rollout makes of the target, which is the one revision then.
  bool copies = false;
  std::optional<Revision> copy;  ///< that copy as it is; nothing: there is none
  Time now = kNever;
  bool settled = false;      ///< since the last decision, requests had time to go where it sent them
  std::string problem;       ///< why a new revision cannot be told, or not be used; empty: nothing
  std::string hint;          ///< why workloads may be missing; empty: nothing to say
  std::string fresh_cookie;  ///< random letters, used where a cookie's value is needed
  std::optional<double> slow_bound_ms;  ///< what counts as slow, by the primary's traffic just now
};

/// What must be known before the decision: the hooks of one type, or the metrics.
struct Question {
  std::optional<istio::HookType> hooks;  ///< nothing: the metrics
};

/// What is known so far. Hooks are called in their order until one decides: a failing one, or for rollback a
/// passing one; so the last check of a list is the one that matters.
struct Answers {
  std::map<istio::HookType, std::vector<Check>> hooks;
  std::optional<std::vector<Check>> metrics;
};

/// What is said of a decision: to the log, to event hooks.
struct Event {
  bool warning = false;
  std::string text;
};

struct Alert {
  istio::AlertSeverity severity = istio::AlertSeverity::kInfo;
  std::string text;
  bool with_facts = false;  ///< tell target, deadline and strategy as well
};

/// How an analysis ended, for the counters.
enum class Ending { kNone, kSucceeded, kSkipped, kFailed };

struct Decision {
  Status next;
  bool changed = false;  ///< `next` is to be made durable before anything else is done
  bool again = false;    ///< the next tick is due at once
  std::vector<Event> events;
  std::vector<Alert> alerts;
  Ending ending = Ending::kNone;
};

/// One tick, as far as the answers reach. Ask, answer, call again, until there is a decision.
std::variant<Question, Decision> decide(const Observation& seen, const Answers& answers);

/// What an operator asked for, or why it cannot be done now.
Result<Decision> act(const Observation& seen, Action action);

/// That the canary has lost, whatever is seen of it now.
Decision give_up(const Observation& seen, const std::string& why);

/// That the Canary is being deleted, and gives back what it took.
Decision terminate(const Observation& seen);

/// What webhooks of this type are told as the phase.
std::string_view phase_for_hook(istio::HookType type, const Status& status);

/// By how much the next step raises the weight; 0: never.
uint32_t next_step(const istio::CanaryAnalysis& analysis, uint32_t weight);
/// The weight at which the canary is promoted.
uint32_t last_weight(const istio::CanaryAnalysis& analysis);

/// The revision called `version`; null where no workload has it.
const Revision* find_revision(const std::vector<Revision>& revisions, const std::string& version);

}  // namespace remora::rollout
