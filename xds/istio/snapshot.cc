#include "istio/snapshot.h"

#include <array>
#include <cstdio>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/proto_util.h"
#include "istio/translate.h"

namespace remora::istio {
namespace {

/// FNV-1a: the same on every machine, so that versions survive restarts.
uint64_t hash_bytes(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325ULL) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

void add(const google::protobuf::Message& message, const std::string& name, XdsType type,
         Snapshot& snapshot) {
  snapshot.groups[static_cast<size_t>(type)].resources.emplace(name, encode_resource(message, name));
}

void set_versions(Snapshot& snapshot) {
  for (ResourceGroup& group : snapshot.groups) group.version = version_of(group.resources);
}

void add_cluster(const ClusterParts& parts, const std::string& cluster_id, Snapshot& snapshot) {
  const auto cluster = build_outbound_cluster(parts);
  add(cluster, cluster.name(), XdsType::kCluster, snapshot);
  add(build_load_assignment(parts, cluster_id), cluster.name(), XdsType::kEndpoint, snapshot);
}

using ServicesByPort = std::map<uint16_t, std::vector<const MeshService*>>;

ServicesByPort add_clusters(const MeshView& view, Snapshot& snapshot) {
  ServicesByPort by_port;
  for (const MeshService* service : view.services()) {
    const MergedRule* rule = view.registry().find_rule(service->host, view.node().ns);
    for (const MeshPort& port : service->ports) {
      if (!port.carried()) continue;
      by_port[port.number].push_back(service);
      add_cluster({*service, port, rule, nullptr}, view.node().cluster_id, snapshot);
      if (rule == nullptr) continue;
      for (const Subset& subset : rule->subsets) {
        add_cluster({*service, port, rule, &subset}, view.node().cluster_id, snapshot);
      }
    }
  }
  return by_port;
}

void note(const ProxyNode& node, std::string path, std::string message, Snapshot& snapshot) {
  snapshot.notes.push_back(
      {Severity::kWarning, "", 0, "proxy " + node.id, std::move(path), std::move(message)});
}

/// The ports on which this proxy's own address serves something.
std::map<uint16_t, InboundPort> inbound_ports(const Registry& registry, const ProxyNode& node) {
  std::map<uint16_t, InboundPort> ports;
  if (node.ip.empty()) return ports;
  for (const MeshService& service : registry.services()) {
    for (const MeshPort& port : service.ports) {
      if (!port.carried()) continue;
      for (const Endpoint& endpoint : port.endpoints) {
        if (endpoint.address != node.ip) continue;
        InboundPort& inbound = ports[endpoint.port];
        inbound.port = endpoint.port;
        inbound.services.emplace_back(&service, &port);
      }
    }
  }
  return ports;
}

/// An outbound listener gives way to what must have its address: the application, or the proxy's own inbound
/// side.
void remove_clashing_outbound(const InboundPort& inbound, const ProxyNode& node, Snapshot& snapshot) {
  const bool clashes = node.outbound_address == node.app_address || node.outbound_address == node.ip;
  if (!clashes) return;
  const std::string name = node.outbound_address + '_' + std::to_string(inbound.port);
  auto& listeners = snapshot.groups[static_cast<size_t>(XdsType::kListener)].resources;
  if (listeners.erase(name) == 0) return;
  note(node, "listener " + name,
       "is left out: the workload serves port " + std::to_string(inbound.port) + " on that address",
       snapshot);
}

void add_inbound(const InboundPort& inbound, const Registry& registry, const ProxyNode& node,
                 Snapshot& snapshot) {
  if (node.ip == node.app_address) {
    note(node, "listener " + node.ip + '_' + std::to_string(inbound.port),
         "is left out: the application listens on that address itself", snapshot);
    return;
  }
  remove_clashing_outbound(inbound, node, snapshot);
  const auto cluster = build_inbound_cluster(inbound, node, registry);
  add(cluster, cluster.name(), XdsType::kCluster, snapshot);
  const auto listener = build_inbound_listener(inbound, node);
  add(listener, listener.name(), XdsType::kListener, snapshot);
}

}  // namespace

std::string_view type_url(XdsType type) {
  switch (type) {
    case XdsType::kSecret: return "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
    case XdsType::kCluster: return "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    case XdsType::kEndpoint: return "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
    case XdsType::kListener: return "type.googleapis.com/envoy.config.listener.v3.Listener";
    case XdsType::kRoute: return "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
  }
  return "";
}

std::string_view short_name(XdsType type) {
  switch (type) {
    case XdsType::kSecret: return "SDS";
    case XdsType::kCluster: return "CDS";
    case XdsType::kEndpoint: return "EDS";
    case XdsType::kListener: return "LDS";
    case XdsType::kRoute: return "RDS";
  }
  return "";
}

std::shared_ptr<const EncodedResource> encode_resource(const google::protobuf::Message& message,
                                                       std::string name) {
  auto resource = std::make_shared<EncodedResource>();
  resource->name = std::move(name);
  resource->any = deterministic_bytes(pack(message));
  resource->hash = hash_bytes(resource->any);
  return resource;
}

std::string version_of(const EncodedResources& resources) {
  uint64_t hash = hash_bytes("");
  for (const auto& [name, resource] : resources) {
    hash = hash_bytes(name, hash);
    hash = hash_bytes({reinterpret_cast<const char*>(&resource->hash), sizeof(resource->hash)}, hash);
  }
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

Snapshot build_outbound(const Registry& registry, const ProxyNode& node) {
  const MeshView view(registry, node);
  Snapshot snapshot;
  const ServicesByPort by_port = add_clusters(view, snapshot);
  for (const auto& [port, services] : by_port) {
    const auto routes = build_route_configuration(port, services, view);
    add(routes, routes.name(), XdsType::kRoute, snapshot);
    if (node.outbound_address.empty()) continue;
    const auto listener = build_outbound_listener(port, node);
    add(listener, listener.name(), XdsType::kListener, snapshot);
  }
  set_versions(snapshot);
  return snapshot;
}

std::shared_ptr<const Snapshot> build_snapshot(const Registry& registry, const ProxyNode& node,
                                               const std::shared_ptr<const Snapshot>& outbound) {
  const auto ports = inbound_ports(registry, node);
  if (ports.empty()) return outbound;
  auto snapshot = std::make_shared<Snapshot>(*outbound);
  for (const auto& [port, inbound] : ports) add_inbound(inbound, registry, node, *snapshot);
  set_versions(*snapshot);
  return snapshot;
}

Snapshot build_snapshot(const Registry& registry, const ProxyNode& node) {
  return *build_snapshot(registry, node, std::make_shared<const Snapshot>(build_outbound(registry, node)));
}

}  // namespace remora::istio
