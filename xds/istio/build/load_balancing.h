#pragma once

#include "istio/build/mesh_view.h"
#include "istio/model/destination_rule.h"

namespace envoy::config::cluster::v3 {
class Cluster;
}

namespace remora::istio {

/// How the cluster's hosts are chosen, as `policy` says; Istio's default where it does not. A stock Envoy,
/// which does not know policies of ours, has Istio's default instead, and no aperture.
void set_load_balancer(const PolicySettings& policy, const MeshView& view,
                       envoy::config::cluster::v3::Cluster& cluster);

}  // namespace remora::istio
