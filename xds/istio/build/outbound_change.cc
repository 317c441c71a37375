#include "istio/build/outbound_change.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/service_clusters.h"
#include "istio/build/snapshot_edit.h"
#include "istio/build/tls.h"
#include "istio/build/translate.h"
#include "istio/build/virtual_hosts.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::VirtualHost;

/// The routes of one virtual host. Its domains are the service's, which is what it was.
bool change_virtual_host(const MeshService& service, uint16_t port, const MeshView& view,
                         Snapshot& snapshot) {
  const std::string name =
      virtual_host_resource(std::to_string(port), service.host + ':' + std::to_string(port));
  const EncodedResourcePtr& known = snapshot.group(XdsType::kVirtualHost).resources.get(name);
  if (known == nullptr) return true;  // another service has all of its domains
  google::protobuf::Any any;
  VirtualHost host;
  if (!any.ParseFromString(known->any) || !any.UnpackTo(&host)) return false;
  host.clear_routes();
  for (auto& route : build_service_routes(service, port, view)) *host.add_routes() = std::move(route);
  put_resource(host, name, XdsType::kVirtualHost, snapshot);
  return true;
}

bool change_routes(const MeshService& service, const MeshView& view, Snapshot& snapshot) {
  for (const MeshPort& port : service.ports) {
    if (!port.carried() || !port.is_http()) continue;
    const std::string own_table = sniffed_table_name(service.host, port.number);
    if (snapshot.group(XdsType::kRoute).resources.contains(own_table)) {
      put_resource(build_sniffed_routes(service, port.number, view), own_table, XdsType::kRoute, snapshot);
    }
    if (!change_virtual_host(service, port.number, view, snapshot)) return false;
  }
  return true;
}

/// False where the proxy could not have one of them, then or now: that is told in the snapshot's notes.
bool change_clusters(const MeshService& was, const MeshView& before, const MeshService& is,
                     const MeshView& now, Snapshot& snapshot) {
  std::set<std::string> gone;
  bool can_have = true;
  for_each_cluster(was, before, [&](const ClusterParts& parts) {
    gone.insert(cluster_name(parts));
    can_have = can_have && !lacks_identity(parts);
  });
  for_each_cluster(is, now, [&](const ClusterParts& parts) {
    const std::string name = cluster_name(parts);
    gone.erase(name);
    can_have = can_have && !lacks_identity(parts);
    if (!can_have) return;
    put_resource(build_outbound_cluster(parts), name, XdsType::kCluster, snapshot);
    if (has_assignment(parts)) put_resource(build_load_assignment(parts), name, XdsType::kEndpoint, snapshot);
  });
  for (const std::string& name : gone) {
    erase_resource(name, XdsType::kCluster, snapshot);
    erase_resource(name, XdsType::kEndpoint, snapshot);
  }
  return can_have;
}

bool is_there(const MeshService& service, const ProxyNode& node) {
  return exported_to(service.export_to, service.ns, node.ns) && (!service.as_called() || node.intercepted());
}

/// Whole tables cannot be told from their parts, and what a Sidecar lets a proxy know follows from its
/// routes.
bool can_be_changed(const ProxyNode& node, const MeshView& view) {
  return node.vhds && !node.is_gateway() && view.knows_everything();
}

}  // namespace

std::shared_ptr<const Snapshot> change_outbound(const Registry& was, const Registry& now,
                                                const ProxyNode& node,
                                                const std::shared_ptr<const Snapshot>& before,
                                                const ConfigChange& change) {
  if (change.nothing()) return before;
  if (change.everything || was.has_apertures() != now.has_apertures()) return nullptr;
  const MeshView view(now, node, MeshView::Scope::kRoutes);
  if (!can_be_changed(node, view)) return nullptr;
  const MeshView old_view(was, node, MeshView::Scope::kClusters);
  auto snapshot = std::make_shared<Snapshot>(*before);
  for (const std::string& host : change.clusters) {
    const MeshService& service = *now.find_service(host);
    if (!is_there(service, node)) continue;
    if (!change_clusters(*was.find_service(host), old_view, service, view, *snapshot)) return nullptr;
  }
  for (const std::string& host : change.routes) {
    const MeshService& service = *now.find_service(host);
    if (is_there(service, node) && !change_routes(service, view, *snapshot)) return nullptr;
  }
  snapshot->seal();
  return snapshot;
}

}  // namespace remora::istio
