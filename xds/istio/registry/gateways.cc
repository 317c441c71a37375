#include "istio/registry/gateways.h"

#include <set>

#include "istio/model/hosts.h"

namespace remora::istio {

std::string resolve_gateway(std::string_view name, std::string_view ns) {
  if (name == "mesh" || name.find('/') != std::string_view::npos) return std::string(name);
  return std::string(ns).append("/").append(name);
}

Gateways::Gateways(const std::vector<ResourcePtr>& resources,
                   const std::vector<ResourcePtr>& virtual_services) {
  std::set<std::string> known{"mesh"};
  for (const ResourcePtr& resource : resources) {
    if (!std::holds_alternative<Gateway>(resource->spec)) continue;
    gateways_.push_back(resource);
    known.insert(resource->ns + '/' + resource->name);
  }
  for (const ResourcePtr& resource : virtual_services) {
    const auto& names = std::get<VirtualService>(resource->spec).gateways;
    std::set<std::string> told;
    for (size_t i = 0; i < names.size(); ++i) {
      const std::string id = resolve_gateway(names[i], resource->ns);
      if (!told.insert(id).second) continue;
      if (id != "mesh") routes_[id].push_back(resource);
      if (known.contains(id)) continue;
      findings_.push_back({Severity::kWarning, resource->file, resource->line, resource->id(),
                           "spec.gateways[" + std::to_string(i) + ']',
                           "no Gateway " + id + " is there: its routes are followed when there is one"});
    }
  }
}

std::vector<const Resource*> Gateways::of_proxy(const Labels& labels) const {
  std::vector<const Resource*> chosen;
  for (const ResourcePtr& resource : gateways_) {
    if (labels_match(std::get<Gateway>(resource->spec).selector, labels)) chosen.push_back(resource.get());
  }
  return chosen;
}

const std::vector<ResourcePtr>& Gateways::routes_of(const std::string& id) const {
  static const std::vector<ResourcePtr> kNone;
  const auto found = routes_.find(id);
  return found == routes_.end() ? kNone : found->second;
}

}  // namespace remora::istio
