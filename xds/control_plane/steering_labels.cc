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

/// Rules and their subsets complete each other: what either of them may bring about counts.
void add_policy(const istio::PolicySettings& policy, Steering& steering) {
  if (policy.outlier_detection || policy.localities) steering.localities = true;
  if (!policy.localities) return;
  for (const std::string& label : policy.localities->failover_priority)
    if (label.find('=') == std::string::npos) steering.labels.insert(label);
}

void add_policies(const istio::TrafficPolicy& policy, Steering& steering) {
  add_policy(policy.settings, steering);
  for (const auto& port : policy.ports) add_policy(port.second, steering);
}

void add_rule(const istio::DestinationRule& rule, Steering& steering) {
  add_policies(rule.traffic_policy, steering);
  for (const auto& subset : rule.subsets) add_policies(subset.traffic_policy, steering);
}

}  // namespace

Steering steering_of(const istio::Registry& registry) {
  Steering steering;
  Names& names = steering.labels;
  for (const istio::ResourcePtr& resource : registry.resources()) {
    if (const auto* sidecar = std::get_if<istio::Sidecar>(&resource->spec)) {
      add(sidecar->workload_selector, names);
    } else if (const auto* selecting = std::get_if<istio::Service>(&resource->spec)) {
      if (registry.has_apertures()) add(selecting->selector, names);
    } else if (const auto* entry = std::get_if<istio::ServiceEntry>(&resource->spec)) {
      if (registry.has_apertures()) add(entry->workload_selector, names);
    } else if (const auto* rule = std::get_if<istio::DestinationRule>(&resource->spec)) {
      add_rule(*rule, steering);
    } else if (const auto* service = std::get_if<istio::VirtualService>(&resource->spec)) {
      add_matches(service->http, names);
      add_matches(service->tls, names);
      add_matches(service->tcp, names);
    }
  }
  return steering;
}

std::string outbound_key(istio::ProxyNode node, const Steering& steering) {
  // Gateways are few, and whatever label they have may be one that a Gateway or a Service chooses them by.
  if (node.is_gateway()) return node.outbound_key();
  std::erase_if(node.labels, [&](const auto& label) { return !steering.labels.contains(label.first); });
  if (!steering.localities) node.locality.clear();
  return node.outbound_key();
}

}  // namespace remora::xds
