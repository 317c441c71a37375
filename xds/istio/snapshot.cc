#include "istio/snapshot.h"

#include <array>
#include <cstdio>
#include <optional>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build_tls.h"
#include "istio/names.h"
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

void note(const ProxyNode& node, std::string path, std::string message, Snapshot& snapshot) {
  snapshot.notes.push_back(
      {Severity::kWarning, "", 0, "proxy " + node.id, std::move(path), std::move(message)});
}

void add_cluster(const ClusterParts& parts, Snapshot& snapshot) {
  if (lacks_identity(parts)) {
    const std::string subset = parts.subset == nullptr ? "" : parts.subset->name;
    note(parts.view.node(), "cluster " + outbound_cluster_name(parts.port.number, subset, parts.service.host),
         "is left out: it takes mutual TLS, and the proxy has not proved who it is", snapshot);
    return;
  }
  const auto cluster = build_outbound_cluster(parts);
  add(cluster, cluster.name(), XdsType::kCluster, snapshot);
  add(build_load_assignment(parts), cluster.name(), XdsType::kEndpoint, snapshot);
}

using OutboundPorts = std::map<uint16_t, OutboundPort>;

void add_to_port(const MeshService& service, const MeshPort& port, OutboundPorts& ports) {
  OutboundPort& outbound = ports[port.number];
  outbound.number = port.number;
  if (port.is_http()) {
    outbound.http.push_back(&service);
  } else {
    (port.protocol == Protocol::kTls ? outbound.tls : outbound.tcp).push_back(&service);
  }
}

OutboundPorts add_clusters(const MeshView& view, Snapshot& snapshot) {
  OutboundPorts ports;
  for (const MeshService* service : view.services()) {
    const MergedRule* rule = view.registry().find_rule(service->host, view.node().ns);
    for (const MeshPort& port : service->ports) {
      if (!port.carried()) continue;
      add_to_port(*service, port, ports);
      add_cluster({*service, port, rule, nullptr, view}, snapshot);
      if (rule == nullptr) continue;
      for (const Subset& subset : rule->subsets) add_cluster({*service, port, rule, &subset, view}, snapshot);
    }
  }
  return ports;
}

/// Without interception the client's address is the listener's, so TCP services cannot share a port.
void note_unreachable(const OutboundPort& port, const ProxyNode& node, Snapshot& snapshot) {
  for (size_t i = port.http.empty() ? 1 : 0; i < port.tcp.size(); ++i) {
    note(node, "listener " + listener_name(node.outbound_address, port.number),
         "does not lead to " + port.tcp[i]->host + ": " +
             (port.http.empty() ? port.tcp.front()->host : port.http.front()->host) +
             " has the port, and TCP does not say whom it is for",
         snapshot);
  }
}

void add_outbound_port(const OutboundPort& port, const MeshView& view, Snapshot& snapshot) {
  if (!port.http.empty()) {
    const auto routes = build_route_configuration(port.number, port.http, view);
    add(routes, routes.name(), XdsType::kRoute, snapshot);
  }
  if (view.node().outbound_address.empty()) return;
  const auto listener = build_outbound_listener(port, view);
  add(listener, listener.name(), XdsType::kListener, snapshot);
  note_unreachable(port, view.node(), snapshot);
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
        if (inbound.workload == nullptr) inbound.workload = &endpoint;
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

/// What the listener takes from clients. Nothing where mutual TLS is asked for and the proxy has no
/// certificate: that must not fall back to plain text.
std::optional<MtlsMode> inbound_mode(const InboundPort& inbound, const MeshView& view) {
  const Endpoint& workload = *inbound.workload;
  const MtlsMode mode = view.registry().peer_policies().mode_for(workload.ns, workload.labels, inbound.port);
  if (view.node().identified) return mode;
  return mode == MtlsMode::kStrict ? std::nullopt : std::optional(MtlsMode::kDisable);
}

void add_inbound(const InboundPort& inbound, const MeshView& view, Snapshot& snapshot) {
  const ProxyNode& node = view.node();
  const std::string name = "listener " + listener_name(node.ip, inbound.port);
  if (node.ip == node.app_address) {
    note(node, name, "is left out: the application listens on that address itself", snapshot);
    return;
  }
  remove_clashing_outbound(inbound, node, snapshot);
  const auto mode = inbound_mode(inbound, view);
  if (!mode) {
    note(node, name, "is left out: it takes mutual TLS only, and the proxy has not proved who it is",
         snapshot);
    return;
  }
  const auto cluster = build_inbound_cluster(inbound, node, view.registry());
  add(cluster, cluster.name(), XdsType::kCluster, snapshot);
  const auto listener = build_inbound_listener(inbound, view, *mode);
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
  for (const auto& entry : add_clusters(view, snapshot)) add_outbound_port(entry.second, view, snapshot);
  set_versions(snapshot);
  return snapshot;
}

std::shared_ptr<const Snapshot> build_snapshot(const Registry& registry, const ProxyNode& node,
                                               const std::shared_ptr<const Snapshot>& outbound) {
  const auto ports = inbound_ports(registry, node);
  if (ports.empty()) return outbound;
  auto snapshot = std::make_shared<Snapshot>(*outbound);
  const MeshView view(registry, node);
  for (const auto& entry : ports) add_inbound(entry.second, view, *snapshot);
  set_versions(*snapshot);
  return snapshot;
}

Snapshot build_snapshot(const Registry& registry, const ProxyNode& node) {
  return *build_snapshot(registry, node, std::make_shared<const Snapshot>(build_outbound(registry, node)));
}

}  // namespace remora::istio
