#include "rollout/service_workloads.h"

#include <boost/json/array.hpp>

#include "rollout/json_fields.h"
#include "rollout/pod_template.h"

namespace remora::rollout {
namespace {

namespace json = boost::json;

/// What a Service says, without what was given to it alone: addresses, ports of nodes.
json::object shared_spec(const store::Object& service) {
  json::object spec = part_of(service.body, "spec");
  const bool headless = text_of(spec, "clusterIP") == "None";
  for (const char* name : {"clusterIP", "clusterIPs", "healthCheckNodePort", "loadBalancerIP"}) {
    spec.erase(name);
  }
  if (headless) spec["clusterIP"] = "None";
  if (auto* ports = spec.if_contains("ports"); ports != nullptr && ports->is_array()) {
    for (json::value& port : ports->get_array()) {
      if (port.is_object()) port.get_object().erase("nodePort");
    }
  }
  return spec;
}

std::string revision_of(const store::Object& copy) {
  const json::object& metadata = part_of(copy.body, "metadata");
  const std::string revision = text_of(part_of(metadata, "annotations"), kRevisionAnnotation);
  return revision.empty() ? "unmarked" : revision;
}

/// It is there, and nothing is known of what it selects.
Revision always_ready(std::string version, const std::string& name) {
  return {.version = std::move(version), .created = "", .workloads = {name}, .endpoints = 1, .ready = 1};
}

}  // namespace

store::ObjectPtr ServiceWorkloads::service(const char* suffix) const {
  return store_.get({kServiceType, canary_->key.ns, spec_.target_name + suffix});
}

void ServiceWorkloads::observe(Observation& seen) const {
  seen.copies = true;
  seen.label = {"", spec_.target_name};
  const store::ObjectPtr target = service("");
  const std::string name = "Service " + canary_->key.ns + '/' + spec_.target_name;
  if (!target) {
    seen.problem = name + " does not exist";
  } else if (object_of(part_of(target->body, "spec"), "selector") == nullptr) {
    seen.problem = name + " selects nothing: spec.selector is required";
  } else if (spec_.apex() != spec_.target_name) {
    seen.problem = "spec.service.name must be that of the target, which is a Service: " + spec_.target_name;
  } else {
    seen.revisions.push_back(always_ready(fingerprint(shared_spec(*target)), spec_.target_name));
  }
  if (const store::ObjectPtr primary = service("-primary")) {
    seen.copy = always_ready(revision_of(*primary), primary->key.name);
    if (seen.problem.empty()) seen.problem = foreign_copy(store_, *canary_, "Service", *primary);
  }
  if (!seen.problem.empty()) seen.hint = ": " + seen.problem;
}

/// By the labels that the selector gives, since a Service has no workloads of its own.
WorkloadSelection ServiceWorkloads::selected_by(const char* suffix) const {
  WorkloadSelection out;
  out.ns = canary_->key.ns;
  const store::ObjectPtr found = service(suffix);
  const auto* selector = found ? object_of(part_of(found->body, "spec"), "selector") : nullptr;
  if (selector == nullptr) return out;
  for (const char* label : {"app", "name", "app.kubernetes.io/name"}) {
    if (out.app.empty()) out.app = text_of(*selector, label);
  }
  out.version = text_of(*selector, "version");
  return out;
}

MetricTargets ServiceWorkloads::targets(const Observation&) const {
  return {selected_by("-canary"), selected_by("-primary")};
}

WantedObject ServiceWorkloads::copy(const store::Object& target, const char* suffix,
                                    const std::string& revision) const {
  const store::ObjectPtr present = service(suffix);
  WantedObject wanted{.key = {kServiceType, canary_->key.ns, spec_.target_name + suffix}, .whole = true};
  json::object spec = shared_spec(target);
  json::object body{{"apiVersion", "v1"}, {"kind", "Service"}};
  if (present) {
    body = present->body;
    wanted.seen_version = present->version;
    const json::object& before = part_of(present->body, "spec");
    for (const char* name : {"clusterIP", "clusterIPs"}) {  // they cannot be changed
      if (before.contains(name)) spec[name] = before.at(name);
    }
  }
  json::object& metadata = object_in(body, "metadata");
  metadata["name"] = wanted.key.name;
  metadata["namespace"] = wanted.key.ns;
  metadata["ownerReferences"] = json::array{owner_reference(*canary_)};
  if (!revision.empty()) object_in(metadata, "annotations")[kRevisionAnnotation] = revision;
  body["spec"] = std::move(spec);
  wanted.body = std::move(body);
  return wanted;
}

Result<Plan> ServiceWorkloads::plan(const Observation& seen) const {
  if (!seen.problem.empty()) return Error{seen.problem};
  Plan plan;
  plan.selection.label = {"", ""};
  plan.selection.services = false;
  plan.selection.routes = seen.status.phase != Phase::kInitializing;
  const store::ObjectPtr target = service("");
  if (!target) return plan;
  const std::string version = fingerprint(shared_spec(*target));
  const store::ObjectPtr primary = service("-primary");
  const bool copied = primary && revision_of(*primary) == seen.status.primary_revision;
  if (!copied && version == seen.status.primary_revision) {
    plan.before.push_back(copy(*target, "-primary", version));
  }
  plan.before.push_back(copy(*target, "-canary", ""));
  return plan;
}

}  // namespace remora::rollout
