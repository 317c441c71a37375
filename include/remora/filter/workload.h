#pragma once

#include <map>
#include <string>

namespace remora {

/// What Istio knows a proxy, a peer or an endpoint as. Empty: not known. Immutable once made.
/// Source: Istio, metadata exchange; the names of node metadata fields are istiod's.
struct Workload {
  std::string instance;                       ///< NAME
  std::string name;                           ///< WORKLOAD_NAME
  std::string namespace_name;                 ///< NAMESPACE
  std::string cluster;                        ///< CLUSTER_ID: the Kubernetes cluster, not an Envoy one
  std::string owner;                          ///< OWNER
  std::string canonical_name;                 ///< label service.istio.io/canonical-name
  std::string canonical_revision;             ///< label service.istio.io/canonical-revision
  std::string app;                            ///< label app
  std::string version;                        ///< label version
  std::map<std::string, std::string> labels;  ///< the others that a filter asked for

  bool operator==(const Workload&) const = default;
};

}  // namespace remora
