#include "rollout/workload_status.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "rollout/json_fields.h"
#include "rollout/pod_template.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

/// Null where there is no such condition.
const json::object* condition_of(const json::object& status, std::string_view type) {
  const auto* conditions = array_of(status, "conditions");
  if (conditions == nullptr) return nullptr;
  for (const auto& item : *conditions) {
    if (item.is_object() && text_of(item.get_object(), "type") == type) return &item.get_object();
  }
  return nullptr;
}

bool is_observed(const json::object& body) {
  return integer_of(part_of(body, "status"), "observedGeneration") >=
         integer_of(part_of(body, "metadata"), "generation");
}

uint32_t count_of(const json::object& status, std::string_view name) {
  return static_cast<uint32_t>(std::clamp<int64_t>(integer_of(status, name), 0, 1'000'000));
}

constexpr const char* kNotObserved = "its controller has not seen its newest specification yet";

}  // namespace

int64_t replicas_of(const json::object& deployment) {
  return std::max<int64_t>(0, integer_of(part_of(deployment, "spec"), "replicas", 1));
}

void read_deployment(const json::object& body, Time now, std::chrono::seconds deadline, Revision& out) {
  const json::object& status = part_of(body, "status");
  out.endpoints = count_of(status, "updatedReplicas");
  out.ready = count_of(status, "availableReplicas");
  out.not_ready.clear();
  out.stuck = false;
  if (!is_observed(body)) {
    out.not_ready = kNotObserved;
    return;
  }
  const int64_t wanted = replicas_of(body);
  const uint32_t all = count_of(status, "replicas");
  const json::object* progress = condition_of(status, "Progressing");
  const json::object* available = condition_of(status, "Available");
  if (progress != nullptr && text_of(*progress, "reason") == "ProgressDeadlineExceeded") {
    out.not_ready = "its progress deadline is exceeded: " + text_of(*progress, "message");
    out.stuck = true;
    return;
  }
  if (out.endpoints < wanted) {
    out.not_ready = std::to_string(out.endpoints) + " of " + std::to_string(wanted) + " pods are updated";
  } else if (all > out.endpoints) {
    out.not_ready = std::to_string(all - out.endpoints) + " old pods are still there";
  }
  if (available != nullptr && text_of(*available, "status") == "False" &&
      text_of(*available, "reason") == "MinimumReplicasUnavailable") {
    const Time since = parse_time(text_of(*available, "lastUpdateTime"));
    out.stuck = since != kNever && since + deadline < now;
  }
}

void read_daemon_set(const json::object& body, Revision& out) {
  const json::object& status = part_of(body, "status");
  const uint32_t desired = count_of(status, "desiredNumberScheduled");
  const uint32_t updated = count_of(status, "updatedNumberScheduled");
  out.endpoints = desired;
  out.ready = count_of(status, "numberAvailable");
  out.not_ready.clear();
  if (!is_observed(body)) {
    out.not_ready = kNotObserved;
  } else if (updated < desired) {
    out.not_ready = std::to_string(updated) + " of " + std::to_string(desired) + " pods are updated";
  }
}

bool is_scaled_down(const json::object& body, bool daemon_set) {
  if (!daemon_set) return replicas_of(body) == 0;
  const json::object* pods = pod_template(body);
  return pods != nullptr && part_of(part_of(*pods, "spec"), "nodeSelector").contains(kScaledDownLabel);
}

void scale_down(json::object& body, bool daemon_set) {
  json::object& spec = object_in(body, "spec");
  if (!daemon_set) {
    spec["replicas"] = 0;
    return;
  }
  object_in(object_in(object_in(spec, "template"), "spec"), "nodeSelector")[kScaledDownLabel] = "true";
}

void scale_up(json::object& body, bool daemon_set, int64_t replicas) {
  json::object& spec = object_in(body, "spec");
  if (!daemon_set) {
    spec["replicas"] = replicas;
    return;
  }
  json::object& pods = object_in(object_in(spec, "template"), "spec");
  json::object& nodes = object_in(pods, "nodeSelector");
  nodes.erase(kScaledDownLabel);
  if (nodes.empty()) pods.erase("nodeSelector");
}

}  // namespace remora::rollout
