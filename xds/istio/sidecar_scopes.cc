#include "istio/sidecar_scopes.h"

#include <algorithm>

#include "istio/hosts.h"

namespace remora::istio {
namespace {

const Sidecar& spec_of(const Resource& resource) { return std::get<Sidecar>(resource.spec); }

bool namespace_matches(const std::string& wanted, const std::string& owner, const std::string& own) {
  if (wanted == "~") return false;
  return wanted == "*" || owner == (wanted == "." ? own : wanted);
}

}  // namespace

SidecarScope::SidecarScope(const Sidecar* sidecar, std::string ns, OutboundPolicy mesh_policy)
    : sidecar_(sidecar),
      ns_(std::move(ns)),
      mesh_policy_(mesh_policy) {}

bool SidecarScope::knows(const std::string& owner_ns, const std::string& host) const {
  if (knows_everything()) return true;
  return std::any_of(sidecar_->egress_hosts.begin(), sidecar_->egress_hosts.end(), [&](const auto& entry) {
    const auto& [ns, pattern] = entry;
    return namespace_matches(ns, owner_ns, ns_) &&
           (host_matches(pattern, host) || host_matches(host, pattern));
  });
}

OutboundPolicy SidecarScope::policy() const {
  return sidecar_ == nullptr ? mesh_policy_ : sidecar_->outbound_policy.value_or(mesh_policy_);
}

SidecarScopes::SidecarScopes(const std::vector<ResourcePtr>& oldest_first, std::string root_namespace)
    : root_namespace_(std::move(root_namespace)) {
  for (const ResourcePtr& resource : oldest_first) {
    if (!std::holds_alternative<Sidecar>(resource->spec)) continue;
    Space& space = spaces_[resource->ns];
    if (!spec_of(*resource).workload_selector.empty()) {
      space.workloads.push_back(resource);
    } else if (space.whole == nullptr) {
      space.whole = resource;
    } else {
      findings_.push_back({Severity::kWarning, resource->file, resource->line, resource->id(), "",
                           "has no effect: " + space.whole->id() + " is older and for the same workloads"});
    }
  }
}

const Sidecar* SidecarScopes::sidecar_for(const std::string& ns, const Labels& labels) const {
  const auto own = spaces_.find(ns);
  if (own != spaces_.end()) {
    for (const ResourcePtr& resource : own->second.workloads) {
      if (labels_match(spec_of(*resource).workload_selector, labels)) return &spec_of(*resource);
    }
    if (own->second.whole != nullptr) return &spec_of(*own->second.whole);
  }
  const auto root = spaces_.find(root_namespace_);
  const bool rooted = root != spaces_.end() && root->second.whole != nullptr;
  return rooted ? &spec_of(*root->second.whole) : nullptr;
}

SidecarScope SidecarScopes::scope_of(const std::string& ns, const Labels& labels,
                                     OutboundPolicy mesh_policy) const {
  return {sidecar_for(ns, labels), ns, mesh_policy};
}

}  // namespace remora::istio
