#include "istio/build/named_clusters.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/looked_up.h"
#include "istio/build/service_clusters.h"
#include "istio/build/snapshot_edit.h"
#include "istio/build/tls.h"
#include "istio/model/hosts.h"

namespace remora::istio {

void take_clusters(const envoy::config::route::v3::VirtualHost& host, std::set<std::string>& names) {
  for (const auto& route : host.routes()) {
    const auto& action = route.route();
    if (!action.cluster().empty()) names.insert(action.cluster());
    for (const auto& choice : action.weighted_clusters().clusters()) names.insert(choice.name());
    for (const auto& mirror : action.request_mirror_policies()) names.insert(mirror.cluster());
  }
}

void add_cluster(const ClusterParts& parts, Snapshot& snapshot) {
  if (lacks_identity(parts)) {
    add_note(parts.view.node(), "cluster " + cluster_name(parts),
             "is left out: it takes mutual TLS, and the proxy has not proved who it is", snapshot);
    return;
  }
  if (cannot_look_up(parts)) {
    add_note(parts.view.node(), "cluster " + cluster_name(parts),
             "is left out: a gRPC client looks up one name, and it has another number of endpoints",
             snapshot);
    return;
  }
  const auto cluster = build_outbound_cluster(parts);
  add_resource(cluster, cluster.name(), XdsType::kCluster, snapshot);
  if (!has_assignment(parts)) return;
  add_resource(build_load_assignment(parts), cluster.name(), XdsType::kEndpoint, snapshot);
}

std::string host_of_cluster(const std::string& name) { return name.substr(name.rfind('|') + 1); }

void add_named_clusters(const std::set<std::string>& names, const MeshView& view, Snapshot& snapshot) {
  std::set<std::string> hosts;
  for (const std::string& name : names) hosts.insert(host_of_cluster(name));
  for (const std::string& host : hosts) {
    const MeshService* service = view.registry().find_service(host);
    if (service == nullptr || !exported_to(service->export_to, service->ns, view.node().ns)) continue;
    for_each_cluster(*service, view, [&](const ClusterParts& parts) {
      if (names.contains(cluster_name(parts))) add_cluster(parts, snapshot);
    });
  }
}

}  // namespace remora::istio
