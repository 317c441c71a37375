#include "istio/registry/peer_policies.h"

namespace remora::istio {

PeerPolicies::PeerPolicies(const std::vector<ResourcePtr>& oldest_first, std::string root_namespace)
    : root_namespace_(std::move(root_namespace)),
      policies_(oldest_first, &PeerAuthentication::selector) {}

std::vector<uint16_t> PeerPolicies::ports_of(const std::string& ns, const Labels& labels) const {
  std::vector<uint16_t> ports;
  if (const auto* workload = policies_.of_workload(ns, labels)) {
    for (const auto& entry : workload->ports) ports.push_back(entry.first);
  }
  return ports;
}

MtlsMode PeerPolicies::mode_for(const std::string& ns, const Labels& labels, uint16_t port) const {
  MtlsMode mode = MtlsMode::kPermissive;
  const auto narrow = [&](MtlsMode own) {
    if (own != MtlsMode::kUnset) mode = own;
  };
  if (const auto* mesh = policies_.of_namespace(root_namespace_)) narrow(mesh->mode);
  if (const auto* space = policies_.of_namespace(ns)) narrow(space->mode);
  if (const auto* workload = policies_.of_workload(ns, labels)) {
    narrow(workload->mode);
    const auto own = workload->ports.find(port);
    if (own != workload->ports.end()) narrow(own->second);
  }
  return mode;
}

}  // namespace remora::istio
