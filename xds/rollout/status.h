#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rollout/check.h"
#include "rollout/times.h"

namespace remora::rollout {

enum class Phase {
  kNone,  ///< never looked at yet
  kInitializing,
  kInitialized,
  kWaiting,
  kProgressing,
  kWaitingPromotion,
  kPromoting,
  kFinalising,
  kSucceeded,
  kFailed,
  kTerminating  ///< the Canary is being deleted, and gives back what it took
};

std::string_view to_string(Phase phase);
Phase parse_phase(std::string_view word);

/// Where the requests go: what the VirtualService says, in numbers.
struct Weights {
  uint32_t primary = 100;
  uint32_t canary = 0;
  bool mirror = false;

  bool operator==(const Weights&) const = default;
};

/// One line of a canary's history.
struct TimelineEntry {
  Time time = kNever;
  std::string phase;
  uint32_t weight = 0;
  std::string decision;  ///< "initialize", "start", "advance", "hold", "promote", "rollback", ...
  std::string reason;
  uint32_t times = 1;  ///< how often in a row; `time` is the last of them
  std::vector<Check> checks;
};

struct Condition {
  std::string type;
  std::string status;  ///< "True", "False", "Unknown"
  std::string reason;
  std::string message;
  Time updated = kNever;
  Time changed = kNever;
};

/// A Canary's status: everything that a rollout knows, so that it can go on from here after any interruption.
/// Flagger's fields have Flagger's names; ours are together under `rollout`.
struct Status {
  Phase phase = Phase::kNone;
  uint32_t failed_checks = 0;
  uint32_t canary_weight = 0;
  uint32_t iterations = 0;
  std::string last_applied;   ///< lastAppliedSpec: the revision that was looked at last
  std::string last_promoted;  ///< lastPromotedSpec
  std::map<std::string, std::string>
      tracked_configs;  ///< of last_applied, by "configmap/name", "secret/name"
  std::string cookie;
  std::string previous_cookie;
  std::string primary_cookie;
  Time last_transition = kNever;
  std::vector<Condition> conditions;

  std::string primary_revision;      ///< what the primary Service selects
  std::vector<std::string> retired;  ///< revisions that are there and are not news any more
  Weights weights;
  bool paused = false;
  std::string driver;  ///< which of several control planes drives it; empty: there is one
  Time last_tick = kNever;
  Time not_ready_since = kNever;
  Time compared_since = kNever;         ///< when the comparison with the primary began
  std::optional<double> slow_bound_ms;  ///< what counts as slow in it
  bool owes_post_rollout = false;       ///< post-rollout hooks are still to be called
  std::string message;                  ///< the last thing that was said
  std::vector<TimelineEntry> timeline;  ///< oldest first
};

inline constexpr size_t kTimelineLimit = 100;

boost::json::object to_json(const Status& status);
/// Of a Canary's whole body; a status that is missing or senseless counts as none.
Status status_of(const boost::json::object& body);

/// Sets the condition `type`; its transition time changes with its status only.
void set_condition(Status& status, Condition condition);
/// Appends, or counts a repetition of the newest entry; forgets the oldest.
void add_entry(Status& status, TimelineEntry entry);

}  // namespace remora::rollout
