#include "rollout/revisions.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "rollout/json_fields.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

constexpr std::array<const char*, 3> kLabels{"app", "name", "app.kubernetes.io/name"};
constexpr const char* kWorkloadType = "workloadentries.networking.istio.io";
constexpr const char* kDeploymentType = "deployments.apps";

/// A label of a workload: spec.labels, else metadata.labels, as the mesh reads them.
std::string label_of(const json::object& body, std::string_view name) {
  for (const char* part : {"spec", "metadata"}) {
    if (std::string value = text_of(part_of(part_of(body, part), "labels"), name); !value.empty())
      return value;
  }
  return "";
}

const json::object& pod_labels(const json::object& deployment) {
  const json::object& pods = part_of(part_of(deployment, "spec"), "template");
  return part_of(part_of(pods, "metadata"), "labels");
}

bool is_healthy(const json::object& body) {
  const auto* conditions = array_of(part_of(body, "status"), "conditions");
  if (conditions == nullptr) return true;
  return std::none_of(conditions->begin(), conditions->end(), [](const json::value& item) {
    return item.is_object() && text_of(item.get_object(), "type") == "Healthy" &&
           text_of(item.get_object(), "status") == "False";
  });
}

std::string created(const json::object& body) {
  return text_of(part_of(body, "metadata"), "creationTimestamp");
}

Revision& revision_called(std::vector<Revision>& revisions, const std::string& version) {
  for (Revision& revision : revisions) {
    if (revision.version == version) return revision;
  }
  revisions.push_back({.version = version});
  return revisions.back();
}

/// Metrics may name a version's Deployment instead of the single workload.
void add_deployments(const store::ObjectStore& store, const std::string& ns, const WorkloadLabel& label,
                     std::vector<Revision>& revisions) {
  for (const store::ObjectPtr& object : store.list(kDeploymentType, ns).objects) {
    const json::object& labels = pod_labels(object->body);
    if (text_of(labels, label.key) != label.value) continue;
    const std::string version = text_of(labels, "version");
    for (Revision& revision : revisions) {
      auto& names = revision.workloads;
      if (revision.version != version) continue;
      if (std::find(names.begin(), names.end(), object->key.name) == names.end())
        names.push_back(object->key.name);
    }
  }
}

}  // namespace

WorkloadLabel find_label(const store::ObjectStore& store, const std::string& ns, const std::string& target) {
  if (const store::ObjectPtr deployment = store.get({kDeploymentType, ns, target})) {
    const json::object& labels = pod_labels(deployment->body);
    for (const char* key : kLabels) {
      if (std::string value = text_of(labels, key); !value.empty()) return {key, value};
    }
  }
  const auto workloads = store.list(kWorkloadType, ns).objects;
  for (const char* key : kLabels) {
    const bool used = std::any_of(workloads.begin(), workloads.end(), [&](const store::ObjectPtr& object) {
      return label_of(object->body, key) == target;
    });
    if (used) return {key, target};
  }
  return {kLabels.front(), target};
}

std::vector<Revision> find_revisions(const store::ObjectStore& store, const std::string& ns,
                                     const WorkloadLabel& label) {
  std::vector<Revision> revisions;
  for (const store::ObjectPtr& object : store.list(kWorkloadType, ns).objects) {
    if (label_of(object->body, label.key) != label.value) continue;
    const std::string version = label_of(object->body, "version");
    if (version.empty()) continue;
    Revision& revision = revision_called(revisions, version);
    revision.created = std::max(revision.created, created(object->body));
    revision.workloads.push_back(object->key.name);
    ++revision.endpoints;
    if (is_healthy(object->body)) ++revision.ready;
  }
  add_deployments(store, ns, label, revisions);
  return revisions;
}

std::string find_inline_endpoints(const store::ObjectStore& store, const std::string& ns,
                                  const WorkloadLabel& label) {
  for (const store::ObjectPtr& object : store.list("serviceentries.networking.istio.io", ns).objects) {
    const auto* endpoints = array_of(part_of(object->body, "spec"), "endpoints");
    if (endpoints == nullptr) continue;
    for (const auto& item : *endpoints) {
      const auto* labels = item.is_object() ? object_of(item.get_object(), "labels") : nullptr;
      if (labels == nullptr || text_of(*labels, label.key) != label.value) continue;
      return "; spec.endpoints of ServiceEntry " + ns + '/' + object->key.name +
             " cannot be selected by a Service: make them WorkloadEntries";
    }
  }
  return "";
}

}  // namespace remora::rollout
