#include "istio/build/service_clusters.h"

#include "istio/build/names.h"

namespace remora::istio {

void for_each_cluster(const MeshService& service, const MeshView& view,
                      const std::function<void(const ClusterParts&)>& take) {
  const MergedRule* rule = view.registry().find_rule(service.host, view.node().ns);
  for (const MeshPort& port : service.ports) {
    if (!port.carried()) continue;
    take({service, port, rule, nullptr, view});
    if (rule == nullptr) continue;
    for (const Subset& subset : rule->subsets) take({service, port, rule, &subset, view});
  }
}

std::string cluster_name(const ClusterParts& parts) {
  return outbound_cluster_name(parts.port.number, parts.subset == nullptr ? "" : parts.subset->name,
                               parts.service.host);
}

}  // namespace remora::istio
