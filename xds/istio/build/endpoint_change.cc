#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "istio/build/service_clusters.h"
#include "istio/build/snapshot.h"
#include "istio/build/snapshot_edit.h"

namespace remora::istio {

std::shared_ptr<const Snapshot> update_outbound(const Registry& registry, const ProxyNode& node,
                                                const Snapshot& outbound,
                                                const std::vector<EndpointChange>& changes) {
  const MeshView view(registry, node, MeshView::Scope::kClusters);
  auto snapshot = std::make_shared<Snapshot>(outbound);
  for (const EndpointChange& change : changes) {
    for_each_cluster(*change.service, view, [&](const ClusterParts& parts) {
      if (parts.service.by_name()) {  // its cluster holds them
        const auto cluster = build_outbound_cluster(parts);
        replace_resource(cluster, cluster.name(), XdsType::kCluster, *snapshot);
        return;
      }
      const auto assignment = build_load_assignment(parts);
      const bool is_there =
          replace_resource(assignment, assignment.cluster_name(), XdsType::kEndpoint, *snapshot);
      if (!is_there || !change.identities) return;
      const auto cluster = build_outbound_cluster(parts);
      replace_resource(cluster, cluster.name(), XdsType::kCluster, *snapshot);
    });
  }
  snapshot->seal();
  return snapshot;
}

}  // namespace remora::istio
