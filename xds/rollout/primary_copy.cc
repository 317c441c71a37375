#include <boost/json/array.hpp>

#include "rollout/copied_workloads.h"
#include "rollout/json_fields.h"
#include "rollout/pod_template.h"
#include "rollout/workload_status.h"

// The primary as an object: the target's specification under another name and label.
namespace remora::rollout {
namespace {

namespace json = boost::json;

void copy_fields(const json::object& from, json::object& to, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (from.contains(name)) {
      to[name] = from.at(name);
    } else {
      to.erase(name);
    }
  }
}

/// Not what says how the object came to be.
json::object plain_annotations(const json::object& metadata) {
  json::object out = foreign_metadata(metadata, "annotations");
  out.erase(kLastAppliedAnnotation);
  out.erase("deployment.kubernetes.io/revision");
  out.erase("deprecated.daemonset.template.generation");
  return out;
}

}  // namespace

json::object CopiedWorkloads::primary_body(const Look& now) const {
  json::object body;
  if (now.primary) {
    body = now.primary->body;
  } else {
    const json::object selector{{now.label.key, now.label.value + "-primary"}};
    body = {{"apiVersion", "apps/v1"},
            {"kind", spec_.target_kind},
            {"metadata",
             {{"name", spec_.target_name + "-primary"},
              {"namespace", ns_},
              {"labels", selector},
              {"annotations", plain_annotations(*object_of(now.target->body, "metadata"))}}},
            {"spec", {{"selector", {{"matchLabels", selector}}}}}};
  }
  describe_primary(now, body);
  return body;
}

void CopiedWorkloads::describe_primary(const Look& now, json::object& body) const {
  object_in(body, "metadata")["ownerReferences"] = json::array{owner_reference(*canary_)};
  const json::object& from = *object_of(now.target->body, "spec");
  json::object& spec = object_in(body, "spec");
  if (daemon_set_) {
    copy_fields(from, spec, {"minReadySeconds", "revisionHistoryLimit", "updateStrategy"});
  } else {
    copy_fields(from, spec,
                {"progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit", "strategy"});
    // Later on, an autoscaler knows better; and a target that is just scaled down says nothing.
    const int64_t replicas = replicas_of(now.target->body);
    if (!now.primary) spec["replicas"] = std::max<int64_t>(1, replicas);
    if (now.primary && !spec_.autoscaler && replicas > 0) spec["replicas"] = replicas;
  }
  const PrimaryNames names{
      .label = now.label.key,
      .label_value = now.label.value + "-primary",
      .target = spec_.target_name,
      .revision = now.version,
      .daemon_set = daemon_set_,
      .is_copied = [&](bool secret, std::string_view name) { return now.configs.has(secret, name); }};
  spec["template"] = primary_template(*pod_template(now.target->body), names);
}

/// The target gets as many pods as the primary has; the rest goes with the Canary's own objects.
Workloads::Return CopiedWorkloads::give_back(const Observation& seen) const {
  Return out;
  const Look now = look(seen.status);
  if (!now.target) return out;
  const int64_t replicas =
      now.primary ? std::max<int64_t>(1, replicas_of(now.primary->body)) : starting_replicas(now);
  const bool same = daemon_set_ || replicas_of(now.target->body) == replicas;
  if (is_scaled_down(now.target->body, daemon_set_) || !same) {
    out.objects.push_back(scaled(*now.target, replicas));
    out.ready = false;
    return out;
  }
  Revision revision;
  read_status(*now.target, seen.now, revision);
  const uint32_t needed = revision.endpoints * spec_.analysis.canary_ready_threshold / 100;
  out.ready = revision.not_ready.empty() && revision.ready >= std::max<uint32_t>(1, needed);
  return out;
}

}  // namespace remora::rollout
