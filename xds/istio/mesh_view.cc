#include "istio/mesh_view.h"

#include "istio/hosts.h"

namespace remora::istio {

MeshView::MeshView(const Registry& registry, const ProxyNode& node) : registry_(registry), node_(node) {
  for (const MeshService& service : registry.services()) {
    if (exported_to(service.export_to, service.ns, node.ns)) services_.push_back(&service);
  }
  for (const ResourcePtr& resource : registry.virtual_services()) add_virtual_service(*resource);
}

void MeshView::add_virtual_service(const Resource& resource) {
  const auto& service = std::get<VirtualService>(resource.spec);
  if (!service.for_mesh() || !exported_to(service.export_to, resource.ns, node_.ns)) return;
  for (const std::string& name : service.hosts) {
    const std::string host = resolve_host(name, resource.ns);
    const bool wildcard = host.starts_with('*');
    const bool first = (wildcard ? wildcards_ : exact_).emplace(host, &resource).second;
    if (first && !wildcard && registry_.find_service(host) == nullptr)
      serviceless_.emplace_back(host, &resource);
  }
}

const Resource* MeshView::virtual_service_for(const std::string& host) const {
  const auto exact = exact_.find(host);
  if (exact != exact_.end()) return exact->second;
  const Resource* best = nullptr;
  size_t longest = 0;
  for (const auto& [pattern, resource] : wildcards_) {
    if (pattern.size() > longest && host_matches(pattern, host)) {
      best = resource;
      longest = pattern.size();
    }
  }
  return best;
}

}  // namespace remora::istio
