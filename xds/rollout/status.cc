#include "rollout/status.h"

#include <algorithm>
#include <array>
#include <boost/json/value.hpp>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 11> kPhases{
    "",          "Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion",
    "Promoting", "Finalising",   "Succeeded",   "Failed",  "Terminating"};

json::array strings_json(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

json::object entry_json(const TimelineEntry& entry) {
  json::object out{{"time", format_time(entry.time, true)},
                   {"phase", entry.phase},
                   {"weight", entry.weight},
                   {"decision", entry.decision},
                   {"reason", entry.reason}};
  if (entry.times > 1) out["times"] = entry.times;
  if (!entry.checks.empty()) {
    json::array checks;
    for (const Check& check : entry.checks) checks.push_back(to_json(check));
    out["checks"] = std::move(checks);
  }
  return out;
}

TimelineEntry entry_of(const json::object& in) {
  TimelineEntry entry;
  entry.time = parse_time(text_of(in, "time"));
  entry.phase = text_of(in, "phase");
  entry.weight = static_cast<uint32_t>(integer_of(in, "weight"));
  entry.decision = text_of(in, "decision");
  entry.reason = text_of(in, "reason");
  entry.times = static_cast<uint32_t>(integer_of(in, "times", 1));
  if (const auto* checks = array_of(in, "checks")) {
    for (const auto& check : *checks) {
      if (check.is_object()) entry.checks.push_back(check_from_json(check.get_object()));
    }
  }
  return entry;
}

json::object condition_json(const Condition& condition) {
  return {{"type", condition.type},
          {"status", condition.status},
          {"lastUpdateTime", format_time(condition.updated)},
          {"lastTransitionTime", format_time(condition.changed)},
          {"reason", condition.reason},
          {"message", condition.message}};
}

Condition condition_of(const json::object& in) {
  return {text_of(in, "type"),
          text_of(in, "status"),
          text_of(in, "reason"),
          text_of(in, "message"),
          parse_time(text_of(in, "lastUpdateTime")),
          parse_time(text_of(in, "lastTransitionTime"))};
}

void put_time(json::object& out, std::string_view name, Time time) {
  if (time != kNever) out[name] = format_time(time, true);
}

void put_text(json::object& out, std::string_view name, const std::string& text) {
  if (!text.empty()) out[name] = text;
}

json::object own_fields(const Status& status) {
  json::object out;
  put_text(out, "primaryRevision", status.primary_revision);
  if (!status.retired.empty()) out["retired"] = strings_json(status.retired);
  out["weights"] = {{"primary", status.weights.primary},
                    {"canary", status.weights.canary},
                    {"mirror", status.weights.mirror}};
  out["paused"] = status.paused;
  put_text(out, "driver", status.driver);
  put_time(out, "lastTick", status.last_tick);
  put_time(out, "notReadySince", status.not_ready_since);
  put_time(out, "comparedSince", status.compared_since);
  if (status.slow_bound_ms) out["slowBoundMs"] = *status.slow_bound_ms;
  if (status.owes_post_rollout) out["owesPostRollout"] = true;
  put_text(out, "message", status.message);
  json::array timeline;
  for (const TimelineEntry& entry : status.timeline) timeline.push_back(entry_json(entry));
  out["timeline"] = std::move(timeline);
  return out;
}

void read_own_fields(const json::object& in, Status& status) {
  status.primary_revision = text_of(in, "primaryRevision");
  if (const auto* retired = array_of(in, "retired")) {
    for (const auto& item : *retired) {
      if (item.is_string()) status.retired.emplace_back(item.get_string());
    }
  }
  if (const auto* weights = object_of(in, "weights")) {
    const auto percent = [&](std::string_view name) {
      return static_cast<uint32_t>(std::clamp<int64_t>(integer_of(*weights, name), 0, 100));
    };
    status.weights = {percent("primary"), percent("canary"), flag_of(*weights, "mirror")};
    if (status.weights.primary + status.weights.canary != 100) status.weights = {};
  }
  status.paused = flag_of(in, "paused");
  status.driver = text_of(in, "driver");
  status.last_tick = parse_time(text_of(in, "lastTick"));
  status.not_ready_since = parse_time(text_of(in, "notReadySince"));
  status.compared_since = parse_time(text_of(in, "comparedSince"));
  status.slow_bound_ms = number_of(in, "slowBoundMs");
  status.owes_post_rollout = flag_of(in, "owesPostRollout");
  status.message = text_of(in, "message");
  if (const auto* timeline = array_of(in, "timeline")) {
    for (const auto& item : *timeline) {
      if (item.is_object()) status.timeline.push_back(entry_of(item.get_object()));
    }
  }
}

/// Whether nothing happened but time: the same waiting or holding, for the same reasons. Failed checks that
/// count are told one by one.
bool repeats(const TimelineEntry& last, const TimelineEntry& next) {
  if (last.decision != next.decision || last.phase != next.phase || last.weight != next.weight) return false;
  const bool waits = next.decision == "wait";
  const auto same = [&](const Check& a, const Check& b) {
    return a.name == b.name && a.outcome == b.outcome && (waits || !b.failed());
  };
  if (!std::equal(last.checks.begin(), last.checks.end(), next.checks.begin(), next.checks.end(), same))
    return false;
  return waits || next.decision == "hold" ? !next.checks.empty() || last.reason == next.reason
                                          : next.checks.empty() && last.reason == next.reason;
}

uint32_t count_of(const json::object& in, std::string_view name) {
  return static_cast<uint32_t>(std::clamp<int64_t>(integer_of(in, name), 0, 1'000'000'000));
}

}  // namespace

std::string_view to_string(Phase phase) { return kPhases[static_cast<size_t>(phase)]; }

Phase parse_phase(std::string_view word) {
  const auto found = std::find(kPhases.begin(), kPhases.end(), word);
  return found == kPhases.end() ? Phase::kNone : static_cast<Phase>(found - kPhases.begin());
}

json::object to_json(const Status& status) {
  json::object out{{"phase", to_string(status.phase)},
                   {"failedChecks", status.failed_checks},
                   {"canaryWeight", status.canary_weight},
                   {"iterations", status.iterations}};
  put_text(out, "previousSessionAffinityCookie", status.previous_cookie);
  put_text(out, "sessionAffinityCookie", status.cookie);
  put_text(out, "primarySessionAffinityCookie", status.primary_cookie);
  put_text(out, "lastAppliedSpec", status.last_applied);
  put_text(out, "lastPromotedSpec", status.last_promoted);
  if (!status.tracked_configs.empty()) {
    json::object& tracked = object_in(out, "trackedConfigs");
    for (const auto& [name, checksum] : status.tracked_configs) tracked[name] = checksum;
  }
  put_text(out, "lastTransitionTime", format_time(status.last_transition));
  json::array conditions;
  for (const Condition& condition : status.conditions) conditions.push_back(condition_json(condition));
  out["conditions"] = std::move(conditions);
  out["rollout"] = own_fields(status);
  return out;
}

Status status_of(const json::object& body) {
  Status status;
  const auto* in = object_of(body, "status");
  if (in == nullptr) return status;
  status.phase = parse_phase(text_of(*in, "phase"));
  status.failed_checks = count_of(*in, "failedChecks");
  status.canary_weight = count_of(*in, "canaryWeight");
  status.iterations = count_of(*in, "iterations");
  status.previous_cookie = text_of(*in, "previousSessionAffinityCookie");
  status.cookie = text_of(*in, "sessionAffinityCookie");
  status.primary_cookie = text_of(*in, "primarySessionAffinityCookie");
  status.last_applied = text_of(*in, "lastAppliedSpec");
  status.last_promoted = text_of(*in, "lastPromotedSpec");
  status.last_transition = parse_time(text_of(*in, "lastTransitionTime"));
  if (const auto* tracked = object_of(*in, "trackedConfigs")) {
    for (const auto& item : *tracked) status.tracked_configs[item.key()] = text_of(*tracked, item.key());
  }
  if (const auto* conditions = array_of(*in, "conditions")) {
    for (const auto& item : *conditions) {
      if (item.is_object()) status.conditions.push_back(condition_of(item.get_object()));
    }
  }
  if (const auto* own = object_of(*in, "rollout")) read_own_fields(*own, status);
  // A status without a primary (another tool's, or edited) says nothing that could be continued.
  const bool begun = status.phase != Phase::kNone && status.phase != Phase::kInitializing &&
                     status.phase != Phase::kTerminating;
  if (begun && status.primary_revision.empty()) status = Status{};
  return status;
}

void set_condition(Status& status, Condition condition) {
  const auto found = std::find_if(status.conditions.begin(), status.conditions.end(),
                                  [&](const Condition& c) { return c.type == condition.type; });
  if (found == status.conditions.end()) {
    condition.changed = condition.updated;
    status.conditions.push_back(std::move(condition));
    return;
  }
  condition.changed = found->status == condition.status ? found->changed : condition.updated;
  *found = std::move(condition);
}

void add_entry(Status& status, TimelineEntry entry) {
  if (!status.timeline.empty() && repeats(status.timeline.back(), entry)) {
    entry.times = status.timeline.back().times + 1;
    status.timeline.back() = std::move(entry);
    return;
  }
  status.timeline.push_back(std::move(entry));
  if (status.timeline.size() > kTimelineLimit) status.timeline.erase(status.timeline.begin());
}

}  // namespace remora::rollout
