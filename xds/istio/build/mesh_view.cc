#include "istio/build/mesh_view.h"

#include <algorithm>

#include "istio/build/named_clusters.h"
#include "istio/build/names.h"
#include "istio/build/peers.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

/// With interception also what declares nothing: such a port has a listener of its own.
bool carries_bytes(const MeshService& service, const ProxyNode& node) {
  return std::any_of(service.ports.begin(), service.ports.end(), [&](const MeshPort& port) {
    const bool undeclared = port.protocol == Protocol::kUndeclared;
    return port.carried() && (!port.is_http() || (undeclared && node.intercepted()));
  });
}

}  // namespace

MeshView::MeshView(const Registry& registry, const ProxyNode& node, Scope scope)
    : registry_(registry),
      node_(node),
      scope_(registry.sidecars().scope_of(node.ns, node.labels, registry.settings().outbound_policy)) {
  if (scope == Scope::kClusters) return;
  for (const ResourcePtr& resource : registry.effective_virtual_services()) add_virtual_service(*resource);
  if (scope != Scope::kEverything) return;
  if (node.on_demand) add_key_servers();
  if (registry.has_apertures()) add_peers();
  const Sidecar* sidecar = scope_.sidecar();
  if (sidecar != nullptr && sidecar->egress_proxy) destinations_.insert(sidecar->egress_proxy->host);
  add_services();
}

bool MeshView::serves(const EgressListener& listener, const MeshService& service) const {
  if (!scope_.knows(listener, service.ns, service.host)) return false;
  return !listener.port || service.find_port(listener.port->number) != nullptr;
}

bool MeshView::knows(const MeshService& service) const {
  if (scope_.knows_everything()) return true;
  return std::ranges::any_of(scope_.sidecar()->egress,
                             [&](const EgressListener& listener) { return serves(listener, service); });
}

std::string MeshView::unknown_cluster() const {
  if (registry_only()) return kBlackHoleCluster;
  const Sidecar* sidecar = scope_.sidecar();
  if (sidecar == nullptr || !sidecar->egress_proxy) return kPassthroughCluster;
  const Destination& proxy = *sidecar->egress_proxy;
  return outbound_cluster_name(proxy.port.value_or(0), proxy.subset, proxy.host);
}

/// In the registry's order. What a VirtualService leads to is known with it.
void MeshView::add_services() {
  for (const MeshService& service : registry_.services()) {
    if (!exported_to(service.export_to, service.ns, node_.ns)) continue;
    if (service.as_called() && !node_.intercepted()) {
      unreachable_.push_back(&service);
      continue;
    }
    if (node_.on_demand) {
      (is_standing(service) ? services_ : unasked_).push_back(&service);
      continue;
    }
    if (knows(service) || destinations_.contains(service.host)) services_.push_back(&service);
  }
}

void MeshView::add_destinations(const VirtualService& service, const std::string& ns) {
  const auto add = [&](const Destination& destination) {
    destinations_.insert(registry_.meant_host(resolve_host(destination.host, ns)));
  };
  for (const HttpRoute& route : service.http) {
    for (const RouteDestination& entry : route.route) add(entry.destination);
    for (const HttpMirror& mirror : route.mirrors) add(mirror.destination);
  }
  for (const auto* routes : {&service.tls, &service.tcp}) {
    for (const L4Route& route : *routes) {
      for (const RouteDestination& entry : route.route) add(entry.destination);
    }
  }
}

void MeshView::add_virtual_service(const Resource& resource) {
  const auto& service = std::get<VirtualService>(resource.spec);
  if (!service.for_mesh() || !exported_to(service.export_to, resource.ns, node_.ns)) return;
  bool known = false;
  for (const std::string& name : service.hosts) {
    const std::string host = resolve_host(name, resource.ns);
    if (!scope_.knows(resource.ns, host)) continue;
    known = true;
    const bool wildcard = host.starts_with('*');
    const bool first = (wildcard ? wildcards_ : exact_).emplace(host, &resource).second;
    if (first && !wildcard && registry_.find_service(host) == nullptr)
      serviceless_.emplace_back(host, &resource);
  }
  const bool keeps = node_.on_demand ? leads_from_standing(resource) : !scope_.knows_everything();
  if (known && keeps) add_destinations(service, resource.ns);
}

/// Whether a proxy that asks has it unasked: who sends bytes cannot say in time whom they are for.
bool MeshView::is_standing(const MeshService& service) const {
  return carries_bytes(service, node_) || destinations_.contains(service.host);
}

bool MeshView::leads_from_standing(const Resource& resource) const {
  const auto& service = std::get<VirtualService>(resource.spec);
  if (!service.tls.empty() || !service.tcp.empty()) return true;
  return std::any_of(service.hosts.begin(), service.hosts.end(), [&](const std::string& name) {
    const std::string host = resolve_host(name, resource.ns);
    const MeshService* called = registry_.find_service(host);
    return host.starts_with('*') || (called != nullptr && carries_bytes(*called, node_));
  });
}

/// Where the keys of tokens are, the proxy itself asks.
void MeshView::add_key_servers() {
  for (const ResourcePtr& resource : registry_.resources()) {
    const auto* policy = std::get_if<RequestAuthentication>(&resource->spec);
    if (policy == nullptr) continue;
    for (const JwtRule& rule : policy->rules) {
      if (const auto address = parse_jwks_uri(rule.jwks_uri); rule.jwks.empty() && address)
        destinations_.insert(address->host);
    }
  }
}

/// Its peers a proxy knows, whatever a Sidecar or its own questions say.
void MeshView::add_peers() {
  if (const std::string& peers = peers_cluster(); !peers.empty())
    destinations_.insert(host_of_cluster(peers));
}

const std::string& MeshView::peers_cluster() const {
  if (!peers_cluster_) peers_cluster_ = find_peers_cluster(registry_, node_);
  return *peers_cluster_;
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

std::pair<std::string, uint16_t> MeshView::destination_of(const Destination& destination,
                                                          const Resource& owner, uint16_t port) const {
  std::string host = registry_.meant_host(resolve_host(destination.host, owner.ns));
  const MeshService* service = registry_.find_service(host);
  if (destination.port) {
    port = *destination.port;
  } else if (service != nullptr && service->ports.size() == 1) {
    port = service->ports.front().number;
  }
  return {std::move(host), port};
}

std::string MeshView::destination_cluster(const Destination& destination, const Resource& owner,
                                          uint16_t port) const {
  const auto [host, number] = destination_of(destination, owner, port);
  return outbound_cluster_name(number, destination.subset, host);
}

}  // namespace remora::istio
