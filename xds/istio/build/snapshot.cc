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

void add_clusters(const MeshView& view, const Predecessor* before, Snapshot& snapshot) {
  for (const MeshService* service : view.unreachable()) {
    add_note(
        view.node(), "host " + service->host,
        "is left out: its resolution is NONE, and without interception nobody knows where a connection was "
        "going",
        snapshot);
  }
  for (const MeshService* service : view.services()) {
    const bool same = before != nullptr && before->unchanged(*service);
    if (same && take_over(*service, view, before->snapshot(), snapshot)) continue;
    for_each_cluster(*service, view, [&](const ClusterParts& parts) { add_cluster(parts, snapshot); });
  }
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

/// Where clients are told where to connect, TCP services cannot share a port.
void note_unreachable(const OutboundPort& port, const ProxyNode& node, Snapshot& snapshot) {
  for (size_t i = port.http.empty() ? 1 : 0; i < port.tcp.size(); ++i) {
    add_note(node, "listener " + listener_name(port.address, port.number),
             "does not lead to " + port.tcp[i]->host + ": " +
                 (port.http.empty() ? port.tcp.front()->host : port.http.front()->host) +
                 " has the port, and TCP does not say whom it is for",
             snapshot);
  }
}

void add_own_listeners(const std::vector<OutboundPort>& ports, const MeshView& view, Snapshot& snapshot) {
  const ProxyNode& node = view.node();
  for (const OutboundPort& port : ports) {
    if (node.intercepted() && is_reserved_port(port.number)) {
      add_note(node, "listener " + listener_name(port.address, port.number),
               "is left out: the proxy needs the port itself", snapshot);
      continue;
    }
    const auto listener = build_outbound_listener(port, view);
    add_resource(listener, listener.name(), XdsType::kListener, snapshot);
    note_unreachable(port, node, snapshot);
  }
}

void add_without_interception(const std::vector<EgressGroup>& groups, const MeshView& view,
                              Snapshot& snapshot) {
  for (const auto& [port, services] : http_tables(groups))
    add_table(build_route_configuration(port, services, view), view.node(), snapshot);
  const std::string& address = view.node().outbound_address;
  if (!address.empty()) add_own_listeners(outbound_ports(groups, view, address, false), view, snapshot);
}

void add_intercepted(const std::vector<EgressGroup>& groups, const MeshView& view, Snapshot& snapshot) {
  for (const auto& cluster : build_outbound_ends())
    add_resource(cluster, cluster.name(), XdsType::kCluster, snapshot);
  add_layout(build_intercepted_outbound(groups, view), view.node(), snapshot);
  const std::string loopback = view.node().has_ipv4() ? "127.0.0.1" : "::1";
  add_own_listeners(outbound_ports(groups, view, loopback, true), view, snapshot);
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
  add_clusters(view, before, snapshot);
  if (node.grpc) {
    add_layout(build_grpc_outbound(view), node, snapshot);
  } else if (node.intercepted()) {
    add_intercepted(egress_groups(view), view, snapshot);
  } else {
    add_without_interception(egress_groups(view), view, snapshot);
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
