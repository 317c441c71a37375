#pragma once

#include <memory>
#include <string>

#include "envoy/config/cluster/v3/circuit_breaker.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/cluster/v3/outlier_detection.pb.h"
#include "envoy/extensions/load_balancing_policies/subset/v3/subset.pb.h"
#include "remora/config/cluster.h"
#include "translate/context.h"
#include "translate/resource_source.h"
#include "translate/secret_source.h"

namespace remora::xds {

/// What a cluster resource says.
struct TranslatedCluster {
  std::shared_ptr<const ClusterConfig> config;   // null after an error
  std::shared_ptr<const EndpointSet> endpoints;  // a static cluster's; null for EDS
  /// Where an EDS cluster's endpoints come from, and how they are known in this process; null otherwise.
  std::shared_ptr<const ResourceSource> source;
  std::string endpoints_key;
  SecretNeeds secrets;
  /// Nothing has to come before it can be used.
  [[nodiscard]] bool complete() const { return endpoints != nullptr && secrets.empty(); }
};

/// How the resource came: from a management server with a version, or from the bootstrap.
struct ResourceOrigin {
  std::string version;
  bool added_via_api = false;
};

/// Cluster -> ClusterConfig (+ EndpointSet). The context stands at the message.
TranslatedCluster translate_cluster(const envoy::config::cluster::v3::Cluster& cluster,
                                    const ResourceOrigin& origin, Context& context);

// The parts; each standing at the cluster.
void set_load_balancer(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                       ClusterConfig& out);
/// How connections to hosts are kept, shared and made ahead of need; behind the load balancer.
void set_upstream_connections(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                              ClusterConfig& out);
void set_upstream_http(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                       ClusterConfig& out);
void set_circuit_breakers(const envoy::config::cluster::v3::CircuitBreakers& breakers, Context& context,
                          ClusterConfig& out);
OutlierDetection to_outlier_detection(const envoy::config::cluster::v3::OutlierDetection& outlier,
                                      Context& context);
/// What the namespace "remora" of the cluster's metadata says. Standing at the cluster, behind outlier
/// detection.
void set_latency_ejection(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                          ClusterConfig& out);
/// health_checks, and the fields that only mean something with them.
void set_health_checks(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                       ClusterConfig& out);
/// Standing at the message.
/// lb_policy RING_HASH and MAGLEV. Standing at the cluster.
void set_ring_hash(const envoy::config::cluster::v3::Cluster& cluster, Context& context, ClusterConfig& out);
void set_maglev(const envoy::config::cluster::v3::Cluster& cluster, Context& context, ClusterConfig& out);
/// The same as typed policies. False: it is neither of them.
bool set_consistent_hash(const google::protobuf::Message& message, Context& context, ClusterConfig& out);
LbSubset to_subset(const envoy::config::cluster::v3::Cluster::LbSubsetConfig& subset, Context& context);
LbSubset to_subset(const envoy::extensions::load_balancing_policies::subset::v3::Subset& subset,
                   Context& context);

}  // namespace remora::xds
