#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "istio/registry.h"

namespace remora::istio {

/// WorkloadEntries by namespace and label, so that each selector costs what it selects and not what the mesh
/// holds.
class WorkloadIndex {
 public:
  /// `workloads` (resources that hold a Workload) must outlive the index.
  explicit WorkloadIndex(const std::vector<ResourcePtr>& workloads);

  /// The entries of `ns` with all labels of `selector`, in their order; none for an empty selector.
  std::vector<const Resource*> select(const std::string& ns, const Labels& selector) const;

 private:
  using Key = std::pair<std::string, std::pair<std::string, std::string>>;  // namespace, label
  std::map<Key, std::vector<const Resource*>> by_label_;
};

/// The labels a workload is selected by: its spec's, with the object's own where the spec does not say
/// otherwise.
Labels workload_labels(const Resource& workload);

/// The hosts that one resource defines, with their endpoints; none for resources that define no host.
std::vector<MeshService> mesh_services(const ResourcePtr& resource, const WorkloadIndex& workloads);

}  // namespace remora::istio
