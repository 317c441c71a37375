#include "rollout/autoscaler.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "rollout/json_fields.h"
#include "rollout/pod_template.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

/// What decides about the number of pods; the rest says which workload it is about.
json::object bounds(const json::object& from, const istio::AutoscalerReference& reference) {
  json::object out;
  for (const char* field : {"minReplicas", "maxReplicas", "metrics", "behavior"}) {
    if (from.contains(field)) out[field] = from.at(field);
  }
  if (reference.primary_min) out["minReplicas"] = int64_t{*reference.primary_min};
  if (reference.primary_max) out["maxReplicas"] = int64_t{*reference.primary_max};
  return out;
}

}  // namespace

Result<std::optional<WantedObject>> primary_autoscaler(const store::ObjectStore& store,
                                                       const istio::Canary& spec, const store::Object& canary,
                                                       bool follow) {
  const istio::AutoscalerReference& reference = *spec.autoscaler;
  const std::string& ns = canary.key.ns;
  WantedObject wanted{.key = {kAutoscalerType, ns, reference.name + "-primary"}, .whole = true};
  const store::ObjectPtr present = store.get(wanted.key);
  if (present && !follow) return std::optional<WantedObject>();
  const store::ObjectPtr target = store.get({kAutoscalerType, ns, reference.name});
  if (!target) {
    return Error{"spec.autoscalerRef: HorizontalPodAutoscaler " + ns + '/' + reference.name +
                 " does not exist"};
  }
  json::object scaled;
  if (const auto* from = object_of(part_of(target->body, "spec"), "scaleTargetRef")) scaled = *from;
  scaled["name"] = spec.target_name + "-primary";
  json::object body;
  if (present) {
    body = present->body;
    wanted.seen_version = present->version;
  } else {
    body = {{"apiVersion", text_of(target->body, "apiVersion")},
            {"kind", "HorizontalPodAutoscaler"},
            {"metadata",
             {{"name", wanted.key.name},
              {"namespace", ns},
              {"labels", foreign_metadata(part_of(target->body, "metadata"), "labels")},
              {"ownerReferences", json::array{owner_reference(canary)}}}}};
  }
  body["spec"] = bounds(part_of(target->body, "spec"), reference);
  body["spec"].get_object()["scaleTargetRef"] = std::move(scaled);
  wanted.body = std::move(body);
  return std::optional<WantedObject>(std::move(wanted));
}

int64_t autoscaler_floor(const store::ObjectStore& store, const istio::Canary& spec, const std::string& ns) {
  const store::ObjectPtr target = store.get({kAutoscalerType, ns, spec.autoscaler->name});
  return target ? std::max<int64_t>(1, integer_of(part_of(target->body, "spec"), "minReplicas", 1)) : 1;
}

}  // namespace remora::rollout
