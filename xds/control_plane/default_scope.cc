#include "control_plane/default_scope.h"

#include <algorithm>

namespace remora::xds {
namespace {

bool holds_for_the_mesh(const istio::Resource& resource, const std::string& root_namespace) {
  const auto* sidecar = std::get_if<istio::Sidecar>(&resource.spec);
  return sidecar != nullptr && resource.ns == root_namespace && sidecar->workload_selector.empty();
}

}  // namespace

istio::ResourcePtr default_sidecar(DefaultScope scope, const std::string& root_namespace) {
  if (scope != DefaultScope::kNamespace) return nullptr;
  istio::Sidecar sidecar;
  sidecar.egress.emplace_back().hosts = {{".", "*"}, {root_namespace, "*"}};
  auto resource = std::make_shared<istio::Resource>();
  resource->api_version = "networking.istio.io/v1";
  resource->kind = "Sidecar";
  resource->ns = root_namespace;
  resource->name = "remora-default-scope";
  resource->spec = std::move(sidecar);
  return resource;
}

void add_default_sidecar(const istio::ResourcePtr& sidecar, std::vector<istio::ResourcePtr>& resources) {
  if (sidecar == nullptr) return;
  const bool has_one = std::any_of(resources.begin(), resources.end(), [&](const auto& resource) {
    return holds_for_the_mesh(*resource, sidecar->ns);
  });
  if (!has_one) resources.push_back(sidecar);
}

}  // namespace remora::xds
