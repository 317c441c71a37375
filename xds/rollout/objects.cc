#include "rollout/objects.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

json::object strings(const std::map<std::string, std::string>& map) {
  json::object out;
  for (const auto& [key, value] : map) out[key] = value;
  return out;
}

/// With what keeps GitOps tools of the Flux family away from objects that change by themselves, as Flagger
/// does.
json::object metadata(const Rollout& rollout, const std::string& name, const istio::CustomMetadata& custom) {
  json::object annotations = strings(custom.annotations);
  annotations["kustomize.toolkit.fluxcd.io/reconcile"] = "disabled";
  annotations["helm.toolkit.fluxcd.io/driftDetection"] = "disabled";
  json::object out{
      {"name", name}, {"namespace", rollout.canary.key.ns}, {"annotations", std::move(annotations)}};
  // An API server keeps no empty map: what is wanted must be what can be found.
  if (!custom.labels.empty()) out["labels"] = strings(custom.labels);
  out["ownerReferences"] = json::array{owner_reference(rollout.canary)};
  return out;
}

/// In Flagger the VirtualService shares its labels with the apex Service, where labels are given for that.
json::object route_metadata(const Rollout& rollout, const istio::CustomMetadata& apex) {
  json::object out = metadata(rollout, rollout.spec.apex(), apex);
  const bool shared = !apex.labels.empty() || !apex.annotations.empty();
  if (const std::string& label = rollout.selection.label.key; shared && !label.empty())
    object_in(out, "labels")[label] = rollout.spec.apex();
  return out;
}

WantedObject service(const Rollout& rollout, const std::string& name, const istio::CustomMetadata& custom,
                     const json::object& selector) {
  const istio::CanaryService& from = rollout.spec.service;
  json::object port{{"name", from.port_name}, {"protocol", "TCP"}, {"port", int64_t{from.port}}};
  if (!from.target_port_name.empty()) {
    port["targetPort"] = from.target_port_name;
  } else {
    port["targetPort"] = int64_t{from.target_port.value_or(from.port)};
  }
  if (!from.app_protocol.empty()) port["appProtocol"] = from.app_protocol;
  json::object spec{{"type", "ClusterIP"}, {"selector", selector}, {"ports", json::array{port}}};
  if (from.headless) spec["clusterIP"] = "None";
  json::object described = metadata(rollout, name, custom);
  if (const std::string& label = rollout.selection.label.key; !label.empty())
    object_in(described, "labels")[label] = name;
  return {{kServiceType, rollout.canary.key.ns, name},
          {{"apiVersion", "v1"},
           {"kind", "Service"},
           {"metadata", std::move(described)},
           {"spec", std::move(spec)}}};
}

WantedObject destination_rule(const Rollout& rollout, const std::string& name) {
  json::object spec{{"host", name}};
  const json::object& service = part_of(part_of(rollout.canary.body, "spec"), "service");
  if (service.contains("trafficPolicy")) spec["trafficPolicy"] = service.at("trafficPolicy");
  json::object described = metadata(rollout, name, {});
  described.erase("annotations");  // Flagger gives it none
  return {{kDestinationRuleType, rollout.canary.key.ns, name},
          {{"apiVersion", "networking.istio.io/v1beta1"},
           {"kind", "DestinationRule"},
           {"metadata", std::move(described)},
           {"spec", std::move(spec)}}};
}

}  // namespace

std::string uid_of(const json::object& body) { return text_of(part_of(body, "metadata"), "uid"); }

json::object owner_reference(const store::Object& canary) {
  return {{"apiVersion", "flagger.app/v1beta1"}, {"kind", "Canary"},   {"name", canary.key.name},
          {"uid", uid_of(canary.body)},          {"controller", true}, {"blockOwnerDeletion", true}};
}

Selection select_versions(const WorkloadLabel& label, const Status& status) {
  Selection out{.label = label, .apex = {{label.key, label.value}}};
  out.primary = out.canary = out.apex;
  if (!status.primary_revision.empty()) out.primary["version"] = status.primary_revision;
  if (!status.last_applied.empty()) out.canary["version"] = status.last_applied;
  return out;
}

std::vector<WantedObject> wanted_objects(const Rollout& rollout) {
  const istio::Canary& spec = rollout.spec;
  const Selection& selection = rollout.selection;
  const std::string& apex = spec.apex();
  std::vector<WantedObject> wanted;
  if (selection.services) {
    wanted.push_back(service(rollout, apex + "-primary", spec.service.primary, selection.primary));
    wanted.push_back(service(rollout, apex + "-canary", spec.service.canary, selection.canary));
  }
  if (!selection.routes) return wanted;
  if (selection.services) {
    wanted.push_back(service(rollout, apex, spec.service.apex, selection.apex));
    wanted.back().apex = true;
  }
  wanted.push_back(destination_rule(rollout, apex + "-canary"));
  wanted.push_back(destination_rule(rollout, apex + "-primary"));
  WantedObject routes{{kVirtualServiceType, rollout.canary.key.ns, apex},
                      {{"apiVersion", "networking.istio.io/v1beta1"},
                       {"kind", "VirtualService"},
                       {"metadata", route_metadata(rollout, spec.service.apex)},
                       {"spec", virtual_service_spec(rollout)}}};
  routes.apex = true;
  wanted.push_back(std::move(routes));
  return wanted;
}

std::string owning_canary_uid(const json::object& body) {
  const auto* owners = array_of(part_of(body, "metadata"), "ownerReferences");
  if (owners == nullptr) return "";
  for (const auto& item : *owners) {
    const auto* reference = item.if_object();
    if (reference != nullptr && flag_of(*reference, "controller") &&
        text_of(*reference, "kind") == "Canary" &&
        text_of(*reference, "apiVersion").starts_with("flagger.app/")) {
      return text_of(*reference, "uid");
    }
  }
  return "";
}

bool owned_by(const json::object& body, const std::string& canary_uid) {
  return !canary_uid.empty() && owning_canary_uid(body) == canary_uid;
}

}  // namespace remora::rollout
