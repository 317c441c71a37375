#include "istio/reconcile/reconcile.h"

#include <map>
#include <set>

#include "istio/model/hosts.h"
#include "istio/reconcile/mtls_findings.h"
#include "istio/reconcile/references.h"

namespace remora::istio {
namespace {

using ById = std::map<std::string, ResourcePtr>;

ById index(const std::vector<ResourcePtr>& resources) {
  ById by_id;
  for (const ResourcePtr& resource : resources) by_id.emplace(resource->id(), resource);
  return by_id;
}

std::vector<ResourcePtr> values(const ById& by_id) {
  std::vector<ResourcePtr> resources;
  resources.reserve(by_id.size());
  for (const auto& entry : by_id) resources.push_back(entry.second);
  return resources;
}

/// Whether `resource` defines what `reference` needs.
bool provides(const Resource& resource, const DanglingReference& reference) {
  if (reference.kind == DanglingReference::Kind::kDelegate) return resource.id() == reference.delegate;
  if (reference.kind == DanglingReference::Kind::kSubset) {
    const auto* rule = std::get_if<DestinationRule>(&resource.spec);
    return rule != nullptr && host_matches(resolve_host(rule->host, resource.ns), reference.host);
  }
  if (std::holds_alternative<Service>(resource.spec)) {
    return resolve_host(resource.name, resource.ns) == reference.host;
  }
  const auto* entry = std::get_if<ServiceEntry>(&resource.spec);
  if (entry == nullptr) return false;
  for (const std::string& host : entry->hosts) {
    if (resolve_host(host, resource.ns) == reference.host) return true;
  }
  return false;
}

class Reconciler {
 public:
  Reconciler(const Registry* last_good, const std::vector<ResourcePtr>& wanted, const MeshSettings& settings,
             const Inventory* inventory)
      : settings_(settings),
        inventory_(inventory),
        current_(index(wanted)) {
    if (last_good != nullptr) good_ = index(last_good->resources());
  }

  Reconciled run() {
    // Each round holds, restores or drops something for good, so the rounds end.
    for (;;) {
      auto registry = std::make_shared<Registry>(values(current_), settings_, inventory_);
      bool changed = false;
      for (const ResourcePtr& resource : registry->virtual_services()) {
        const auto references = dangling_references(*resource, *registry);
        if (references.empty()) continue;
        changed = true;
        mend(resource, references);
      }
      if (!changed) return finish(std::move(registry));
    }
  }

 private:
  void mend(const ResourcePtr& resource, const std::vector<DanglingReference>& references) {
    const std::string id = resource->id();
    const auto good = good_.find(id);
    const char* outcome = "it has no effect until that is mended";
    if (good != good_.end() && good->second->json != resource->json) {
      current_[id] = good->second;
      outcome = "the last good one stays";
    } else if (good != good_.end() && restore(references)) {
      outcome = "what it leads to stays as it was";
    } else {
      current_.erase(id);
    }
    if (!reported_.insert(id).second) return;
    for (const DanglingReference& reference : references) {
      Diagnostic finding = reference.finding;
      finding.message += std::string("; ") + outcome;
      findings_.push_back(std::move(finding));
    }
  }

  /// Brings back what the last good registry had for these references. False where all of it is there
  /// already.
  bool restore(const std::vector<DanglingReference>& references) {
    bool restored = false;
    for (const auto& [id, resource] : good_) {
      for (const DanglingReference& reference : references) {
        if (!provides(*resource, reference)) continue;
        ResourcePtr& place = current_[id];
        if (place == resource || restored_.contains(id)) continue;
        place = resource;
        restored_.insert(id);
        restored = true;
      }
    }
    return restored;
  }

  Reconciled finish(std::shared_ptr<Registry> registry) {
    Diagnostics findings = std::move(findings_);
    const Diagnostics idle = idle_resources(*registry);
    findings.insert(findings.end(), registry->findings().begin(), registry->findings().end());
    findings.insert(findings.end(), idle.begin(), idle.end());
    const Diagnostics unsafe = mtls_findings(*registry);
    findings.insert(findings.end(), unsafe.begin(), unsafe.end());
    return {std::move(registry), std::move(findings)};
  }

  const MeshSettings& settings_;
  const Inventory* inventory_;
  ById good_;
  ById current_;
  std::set<std::string> restored_;
  std::set<std::string> reported_;
  Diagnostics findings_;
};

}  // namespace

Reconciled reconcile(const Registry* last_good, const std::vector<ResourcePtr>& wanted,
                     const MeshSettings& settings, const Inventory* inventory) {
  return Reconciler(last_good, wanted, settings, inventory).run();
}

}  // namespace remora::istio
