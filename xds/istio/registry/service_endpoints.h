#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "istio/registry/inventory.h"
#include "istio/registry/registry.h"

namespace remora::istio {

/// WorkloadEntries by namespace and label, so that each selector costs what it selects and not what the mesh
/// holds.
class WorkloadIndex {
 public:
  /// `workloads` (resources that hold a Workload) and `resources` (of which the Deployments count) must
  /// outlive the index.
  WorkloadIndex(const std::vector<ResourcePtr>& workloads, const std::vector<ResourcePtr>& resources);

  /// The entries of `ns` with all labels of `selector`, in their order; none for an empty selector.
  std::vector<const Resource*> select(const std::string& ns, const Labels& selector) const;

  /// What `workload` runs as: its own word, else that of the Deployment whose pods have its labels; empty
  /// where nobody says.
  std::string service_account(const Resource& workload) const;

 private:
  using Key = std::pair<std::string, std::pair<std::string, std::string>>;  // namespace, label
  std::map<Key, std::vector<const Resource*>> by_label_;
  std::map<std::string, std::vector<const Deployment*>> deployments_;  // by namespace
};

/// The labels a workload is selected by: its spec's, with the object's own where the spec does not say
/// otherwise.
Labels workload_labels(const Resource& workload);

/// The hosts that one resource defines, with their endpoints; none for resources that define no host.
/// `inventory` is null where there is no Kubernetes.
std::vector<MeshService> mesh_services(const ResourcePtr& resource, const WorkloadIndex& workloads,
                                       const Inventory* inventory);

}  // namespace remora::istio
