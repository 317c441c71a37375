#include "istio/build/predecessor.h"

#include <algorithm>

#include "istio/build/peers.h"

namespace remora::istio {
namespace {

/// All of one kind, oldest first. Resources never change, so equal pointers are equal resources.
std::vector<ResourcePtr> peer_authentications(const Registry& registry) {
  std::vector<ResourcePtr> policies;
  for (const ResourcePtr& resource : registry.resources()) {
    if (std::holds_alternative<PeerAuthentication>(resource->spec)) policies.push_back(resource);
  }
  return policies;
}

bool same_rule(const MergedRule* before, const MergedRule* now) {
  if (before == nullptr || now == nullptr) return before == now;
  return before->parts == now->parts;
}

bool same_ports(const MeshPort& before, const MeshPort& now) {
  return before.number == now.number && before.name == now.name && before.protocol == now.protocol &&
         before.endpoints == now.endpoints;
}

}  // namespace

void Predecessor::compare_with(const Registry& now, const ProxyNode& node) {
  now_ = &now;
  client_ns_ = node.ns;
  same_peers_ = (!registry_.has_apertures() && !now.has_apertures()) ||
                find_peers_cluster(registry_, node) == find_peers_cluster(now, node);
  same_policies_ = peer_authentications(registry_) == peer_authentications(now);
}

bool Predecessor::unchanged(const MeshService& service) const {
  if (!same_policies_) return false;
  const MergedRule* rule = now_->find_rule(service.host, client_ns_);
  if (!same_peers_ && rule != nullptr && rule->traffic_policy.settings.aperture) return false;
  const MeshService* before = registry_.find_service(service.host);
  return before != nullptr && before->origin == service.origin &&
         same_rule(registry_.find_rule(service.host, client_ns_), rule) &&
         std::equal(before->ports.begin(), before->ports.end(), service.ports.begin(), service.ports.end(),
                    same_ports);
}

}  // namespace remora::istio
