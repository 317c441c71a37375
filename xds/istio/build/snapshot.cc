#include "istio/build/snapshot.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/gateway.h"
#include "istio/build/grpc.h"
#include "istio/build/hash_bytes.h"
#include "istio/build/inbound.h"
#include "istio/build/intercepted.h"
#include "istio/build/named_clusters.h"
#include "istio/build/names.h"
#include "istio/build/predecessor.h"
#include "istio/build/proto_util.h"
#include "istio/build/service_clusters.h"
#include "istio/build/snapshot_edit.h"
#include "istio/build/tls.h"
#include "istio/build/translate.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

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

/// Without interception one TCP service has a port: one that routes speak of, as a canary's do, before what
/// they lead to, else the oldest.
void put_routed_first(const MeshView& view, OutboundPorts& ports) {
  const auto is_routed = [&](const MeshService* service) {
    const Resource* owner = view.virtual_service_for(service->host);
    return owner != nullptr && !std::get<VirtualService>(owner->spec).tcp.empty();
  };
  for (auto& [number, port] : ports) std::stable_partition(port.tcp.begin(), port.tcp.end(), is_routed);
}

/// The clusters and endpoints that `service` has had. False where there are not all of them.
bool take_over(const MeshService& service, const MeshView& view, const Snapshot& before, Snapshot& snapshot) {
  const EncodedResources& clusters = before.group(XdsType::kCluster).resources;
  const EncodedResources& endpoints = before.group(XdsType::kEndpoint).resources;
  bool all = true;
  for_each_cluster(service, view, [&](const ClusterParts& parts) {
    const std::string name = outbound_cluster_name(
        parts.port.number, parts.subset == nullptr ? "" : parts.subset->name, parts.service.host);
    const auto& cluster = clusters.get(name);
    if (cluster == nullptr) {
      all = false;
      return;
    }
    snapshot.edit(XdsType::kCluster).resources.add(cluster);
    if (const auto& assignment = endpoints.get(name))
      snapshot.edit(XdsType::kEndpoint).resources.add(assignment);
  });
  return all;
}

OutboundPorts add_clusters(const MeshView& view, const Predecessor* before, Snapshot& snapshot) {
  OutboundPorts ports;
  for (const MeshService* service : view.unreachable()) {
    add_note(
        view.node(), "host " + service->host,
        "is left out: its resolution is NONE, and without interception nobody knows where a connection was "
        "going",
        snapshot);
  }
  for (const MeshService* service : view.services()) {
    for (const MeshPort& port : service->ports) {
      if (port.carried()) add_to_port(*service, port, ports);
    }
    const bool same = before != nullptr && before->unchanged(*service);
    if (same && take_over(*service, view, before->snapshot(), snapshot)) continue;
    for_each_cluster(*service, view, [&](const ClusterParts& parts) { add_cluster(parts, snapshot); });
  }
  for (const MeshService* service : view.unasked()) {
    for (const MeshPort& port : service->ports) {
      if (port.carried()) add_to_port(*service, port, ports);
    }
  }
  put_routed_first(view, ports);
  return ports;
}

/// A gateway's clusters are those that its routes lead to, and no others. Made anew each time: it is small.
/// What is equal to `before` (null: nothing) is shared with it.
Snapshot gateway_snapshot(const Registry& registry, const ProxyNode& node, const Predecessor* before) {
  const MeshView view(registry, node, MeshView::Scope::kClusters);
  GatewayLayout gateway = build_gateway(view);
  Snapshot snapshot;
  if (registry.has_apertures() && !view.peers_cluster().empty())
    gateway.clusters.insert(view.peers_cluster());
  add_named_clusters(gateway.clusters, view, snapshot);
  add_layout(std::move(gateway.layout), node, snapshot);
  snapshot.credentials = gateway.credentials;
  snapshot.seal();
  if (before != nullptr) snapshot.share_with(before->snapshot());
  return snapshot;
}

/// Without interception the client's address is the listener's, so TCP services cannot share a port.
void note_unreachable(const OutboundPort& port, const ProxyNode& node, Snapshot& snapshot) {
  for (size_t i = port.http.empty() ? 1 : 0; i < port.tcp.size(); ++i) {
    add_note(node, "listener " + listener_name(node.outbound_address, port.number),
             "does not lead to " + port.tcp[i]->host + ": " +
                 (port.http.empty() ? port.tcp.front()->host : port.http.front()->host) +
                 " has the port, and TCP does not say whom it is for",
             snapshot);
  }
}

void add_outbound_port(const OutboundPort& port, const MeshView& view, Snapshot& snapshot) {
  if (!port.http.empty()) {
    add_table(build_route_configuration(port.number, port.http, view), view.node(), snapshot);
  }
  if (view.node().outbound_address.empty()) return;
  const auto listener = build_outbound_listener(port, view);
  add_resource(listener, listener.name(), XdsType::kListener, snapshot);
  note_unreachable(port, view.node(), snapshot);
}

}  // namespace

std::string_view type_url(XdsType type) {
  switch (type) {
    case XdsType::kSecret: return "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
    case XdsType::kCluster: return "type.googleapis.com/envoy.config.cluster.v3.Cluster";
    case XdsType::kEndpoint: return "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
    case XdsType::kListener: return "type.googleapis.com/envoy.config.listener.v3.Listener";
    case XdsType::kRoute: return "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
    case XdsType::kVirtualHost: return "type.googleapis.com/envoy.config.route.v3.VirtualHost";
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
    case XdsType::kVirtualHost: return "VHDS";
  }
  return "";
}

EncodedResourcePtr encode_resource(const google::protobuf::Message& message, std::string name) {
  auto resource = std::make_shared<EncodedResource>();
  resource->name = std::move(name);
  resource->any = deterministic_bytes(pack(message));
  resource->hash = hash_bytes(resource->any);
  return resource;
}

const std::shared_ptr<const ResourceGroup>& Snapshot::no_resources() {
  static const std::shared_ptr<const ResourceGroup> kNone = [] {
    auto group = std::make_shared<ResourceGroup>();
    group->seal();
    return group;
  }();
  return kNone;
}

ResourceGroup& Snapshot::edit(XdsType type) {
  const auto place = static_cast<size_t>(type);
  if (edited_[place] == nullptr) {
    edited_[place] = std::make_shared<ResourceGroup>(*groups_[place]);
    groups_[place] = edited_[place];
  }
  return *edited_[place];
}

void Snapshot::seal() {
  for (auto& group : edited_) {
    if (group != nullptr) group->seal();
    group.reset();
  }
}

void Snapshot::share_with(const Snapshot& before) {
  for (const XdsType type : kXdsTypes) {
    if (group(type).version == before.group(type).version) {
      set_group(type, before.shared_group(type));
    } else {
      edit(type).resources.share_with(before.group(type).resources);
    }
  }
  seal();
}

Snapshot build_outbound(const Registry& registry, const ProxyNode& node, Predecessor* before) {
  if (node.is_gateway()) return gateway_snapshot(registry, node, before);
  const MeshView view(registry, node);
  Snapshot snapshot;
  snapshot.on_demand = node.on_demand;
  if (before != nullptr) before->compare_with(registry, node);
  const OutboundPorts ports = add_clusters(view, before, snapshot);
  if (node.intercepted()) {
    for (const auto& cluster : build_outbound_ends())
      add_resource(cluster, cluster.name(), XdsType::kCluster, snapshot);
    add_layout(build_intercepted_outbound(view), node, snapshot);
  } else if (node.grpc) {
    add_layout(build_grpc_outbound(view), node, snapshot);
  } else {
    for (const auto& entry : ports) add_outbound_port(entry.second, view, snapshot);
  }
  snapshot.seal();
  if (before != nullptr) snapshot.share_with(before->snapshot());
  return snapshot;
}

std::shared_ptr<const Snapshot> build_snapshot(const Registry& registry, const ProxyNode& node,
                                               const std::shared_ptr<const Snapshot>& outbound) {
  if (node.is_gateway()) return outbound;
  const MeshView view(registry, node, MeshView::Scope::kClusters);
  const auto ports = node.grpc ? InboundPorts() : inbound_ports(view);
  if (ports.empty() && !node.intercepted()) return outbound;
  auto snapshot = std::make_shared<Snapshot>(*outbound);
  add_inbound(ports, view, *snapshot);
  snapshot->seal();
  return snapshot;
}

Snapshot build_snapshot(const Registry& registry, const ProxyNode& node) {
  return *build_snapshot(registry, node, std::make_shared<const Snapshot>(build_outbound(registry, node)));
}

std::shared_ptr<const Snapshot> follow_outbound(const std::shared_ptr<const Snapshot>& own,
                                                const Snapshot& before, const Snapshot& now) {
  auto snapshot = std::make_shared<Snapshot>(*own);
  for (const XdsType type : kXdsTypes) {
    if (before.shared_group(type) == now.shared_group(type)) continue;
    if (own->shared_group(type) != before.shared_group(type)) return nullptr;
    snapshot->set_group(type, now.shared_group(type));
  }
  return snapshot;
}

}  // namespace remora::istio
