#pragma once

#include <functional>
#include <string>

#include "istio/build/translate.h"

namespace remora::istio {

/// Each port of a service, and of that each subset, as a cluster.
void for_each_cluster(const MeshService& service, const MeshView& view,
                      const std::function<void(const ClusterParts&)>& take);

std::string cluster_name(const ClusterParts& parts);

}  // namespace remora::istio
