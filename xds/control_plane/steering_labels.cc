#include "control_plane/steering_labels.h"

namespace remora::xds {
namespace {

using Names = std::set<std::string>;

void add(const istio::Labels& labels, Names& names) {
  for (const auto& label : labels) names.insert(label.first);
}

template <typename Route>
void add_matches(const std::vector<Route>& routes, Names& names) {
  for (const Route& route : routes) {
    for (const auto& match : route.match) add(match.source_labels, names);
  }
}

}  // namespace

Names steering_labels(const istio::Registry& registry) {
  Names names;
  for (const istio::ResourcePtr& resource : registry.resources()) {
    if (const auto* sidecar = std::get_if<istio::Sidecar>(&resource->spec)) {
      add(sidecar->workload_selector, names);
    } else if (const auto* service = std::get_if<istio::VirtualService>(&resource->spec)) {
      add_matches(service->http, names);
      add_matches(service->tls, names);
      add_matches(service->tcp, names);
    }
  }
  return names;
}

std::string outbound_key(istio::ProxyNode node, const Names& steering) {
  // Gateways are few, and whatever label they have may be one that a Gateway or a Service chooses them by.
  if (node.is_gateway()) return node.outbound_key();
  std::erase_if(node.labels, [&](const auto& label) { return !steering.contains(label.first); });
  return node.outbound_key();
}

}  // namespace remora::xds
