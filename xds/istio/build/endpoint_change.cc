#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "istio/build/service_clusters.h"
#include "istio/build/snapshot.h"

namespace remora::istio {
namespace {

/// A group of a snapshot with some resources replaced, none added: what the snapshot does not have stays
/// away.
class GroupUpdate {
 public:
  GroupUpdate(const Snapshot& snapshot, XdsType type) : before_(snapshot.shared_group(type)), type_(type) {}

  /// Whether the group has such a resource.
  bool replace(const google::protobuf::Message& message, const std::string& name) {
    const EncodedResourcePtr& known = before_->resources.get(name);
    if (known == nullptr) return false;
    auto resource = encode_resource(message, name);
    if (known->hash == resource->hash) return true;
    if (after_ == nullptr) after_ = std::make_shared<ResourceGroup>(*before_);
    after_->resources.put(std::move(resource));
    return true;
  }

  void finish(Snapshot& snapshot) {
    if (after_ == nullptr) return;
    after_->seal();
    snapshot.set_group(type_, after_);
  }

 private:
  std::shared_ptr<const ResourceGroup> before_;
  XdsType type_;
  std::shared_ptr<ResourceGroup> after_;
};

}  // namespace

std::shared_ptr<const Snapshot> update_outbound(const Registry& registry, const ProxyNode& node,
                                                const Snapshot& outbound,
                                                const std::vector<EndpointChange>& changes) {
  const MeshView view(registry, node, MeshView::Scope::kClusters);
  GroupUpdate endpoints(outbound, XdsType::kEndpoint);
  GroupUpdate clusters(outbound, XdsType::kCluster);
  for (const EndpointChange& change : changes) {
    for_each_cluster(*change.service, view, [&](const ClusterParts& parts) {
      const auto assignment = build_load_assignment(parts);
      if (!endpoints.replace(assignment, assignment.cluster_name()) || !change.identities) return;
      const auto cluster = build_outbound_cluster(parts);
      clusters.replace(cluster, cluster.name());
    });
  }
  auto snapshot = std::make_shared<Snapshot>(outbound);
  endpoints.finish(*snapshot);
  clusters.finish(*snapshot);
  return snapshot;
}

}  // namespace remora::istio
