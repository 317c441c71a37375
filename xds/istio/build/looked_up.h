#pragma once

#include "istio/build/translate.h"

// Clusters whose endpoints are names that the proxy looks up by itself (ServiceEntry, resolution DNS and
// DNS_ROUND_ROBIN). They hold their endpoints; nothing comes over EDS.
namespace remora::istio {

/// Type, endpoints and how they are asked for, as istiod sets them. Endpoints without a name are taken as
/// they are.
void set_names(const ClusterParts& parts, envoy::config::cluster::v3::Cluster& cluster);

/// Whether there is no such cluster for the proxy: a gRPC client looks up one name at most.
bool cannot_look_up(const ClusterParts& parts);

}  // namespace remora::istio
