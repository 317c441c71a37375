#pragma once

#include <set>
#include <string>

#include "istio/build/snapshot.h"
#include "istio/build/translate.h"

// Clusters for those who know which they need.
namespace remora::istio {

/// The names of the clusters that the host's routes lead to, mirrors among them.
void take_clusters(const envoy::config::route::v3::VirtualHost& host, std::set<std::string>& names);

/// The cluster, and its endpoints unless clients choose them. What the proxy cannot have is a note.
void add_cluster(const ClusterParts& parts, Snapshot& snapshot);

/// Those of `names` that there are.
void add_named_clusters(const std::set<std::string>& names, const MeshView& view, Snapshot& snapshot);

/// "myapp.default.svc.cluster.local" of "outbound|8080|v1|myapp.default.svc.cluster.local"
std::string host_of_cluster(const std::string& name);

}  // namespace remora::istio
