#include "istio/peer_policies.h"

#include "istio/hosts.h"

namespace remora::istio {
namespace {

const PeerAuthentication& spec_of(const Resource& resource) {
  return std::get<PeerAuthentication>(resource.spec);
}

}  // namespace

PeerPolicies::PeerPolicies(const std::vector<ResourcePtr>& oldest_first, std::string root_namespace)
    : root_namespace_(std::move(root_namespace)) {
  for (const ResourcePtr& resource : oldest_first) {
    if (!std::holds_alternative<PeerAuthentication>(resource->spec)) continue;
    Space& space = spaces_[resource->ns];
    if (!spec_of(*resource).selector.empty()) {
      space.workloads.push_back(resource);
    } else if (space.whole == nullptr) {
      space.whole = resource;
    } else {
      findings_.push_back({Severity::kWarning, resource->file, resource->line, resource->id(), "",
                           "has no effect: " + space.whole->id() + " is older and for the same workloads"});
    }
  }
}

const PeerAuthentication* PeerPolicies::policy_of(const std::string& ns) const {
  const auto space = spaces_.find(ns);
  return space == spaces_.end() || space->second.whole == nullptr ? nullptr : &spec_of(*space->second.whole);
}

const PeerAuthentication* PeerPolicies::workload_policy(const std::string& ns, const Labels& labels) const {
  const auto space = spaces_.find(ns);
  if (space == spaces_.end()) return nullptr;
  for (const ResourcePtr& resource : space->second.workloads) {
    if (labels_match(spec_of(*resource).selector, labels)) return &spec_of(*resource);
  }
  return nullptr;
}

std::vector<uint16_t> PeerPolicies::ports_of(const std::string& ns, const Labels& labels) const {
  std::vector<uint16_t> ports;
  if (const auto* workload = workload_policy(ns, labels)) {
    for (const auto& entry : workload->ports) ports.push_back(entry.first);
  }
  return ports;
}

MtlsMode PeerPolicies::mode_for(const std::string& ns, const Labels& labels, uint16_t port) const {
  MtlsMode mode = MtlsMode::kPermissive;
  const auto narrow = [&](MtlsMode own) {
    if (own != MtlsMode::kUnset) mode = own;
  };
  if (const auto* mesh = policy_of(root_namespace_)) narrow(mesh->mode);
  if (const auto* space = policy_of(ns)) narrow(space->mode);
  if (const auto* workload = workload_policy(ns, labels)) {
    narrow(workload->mode);
    const auto own = workload->ports.find(port);
    if (own != workload->ports.end()) narrow(own->second);
  }
  return mode;
}

}  // namespace remora::istio
