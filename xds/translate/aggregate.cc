#include "translate/aggregate.h"

#include <set>

#include "translate/dns.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;
using envoy::extensions::clusters::aggregate::v3::ClusterConfig;
constexpr std::string_view kProvided =
    "envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided";

void check_cluster(const ProtoCluster& cluster, Context& context) {
  constexpr const char* kNoHosts = "an aggregate cluster has no hosts of its own";
  constexpr const char* kMembers = "has no effect: the members' holds";
  if (!is_provided_balancer(cluster))
    context.error("lb_policy", "must be CLUSTER_PROVIDED for a cluster of type envoy.clusters.aggregate");
  if (cluster.has_load_assignment()) context.error("load_assignment", kNoHosts);
  if (cluster.has_eds_cluster_config())
    context.error("eds_cluster_config", "is only for clusters of type EDS");
  if (cluster.has_lb_subset_config()) context.error("lb_subset_config", kNoHosts);
  if (cluster.has_outlier_detection()) context.warning("outlier_detection", kMembers);
  if (cluster.health_checks_size() > 0) context.warning("health_checks", kMembers);
  if (cluster.has_transport_socket()) context.warning("transport_socket", kMembers);
  warn_of_dns_fields(cluster, context);
}

}  // namespace

bool is_provided_balancer(const ProtoCluster& cluster) {
  if (!cluster.has_load_balancing_policy()) return cluster.lb_policy() == ProtoCluster::CLUSTER_PROVIDED;
  const auto& policies = cluster.load_balancing_policy().policies();
  return policies.size() == 1 &&
         type_name_of(policies[0].typed_extension_config().typed_config().type_url()) == kProvided;
}

void set_aggregate(const ProtoCluster& cluster, const ClusterConfig& message, Context& context,
                   TranslatedCluster& result, remora::ClusterConfig& out) {
  out.discovery = remora::ClusterConfig::Discovery::kAggregate;
  result.endpoints = std::make_shared<const EndpointSet>(EndpointSet{cluster.name(), {}, 140});
  check_cluster(cluster, context);
  const auto scope = context.in("cluster_type");
  const auto typed = context.in("typed_config");
  check_fields(message, context);
  std::set<std::string> names;
  for (int i = 0; i < message.clusters_size(); ++i) {
    const std::string& name = message.clusters(i);
    const auto at = context.in("clusters", i);
    if (name == cluster.name()) context.error("\"" + name + "\" is the cluster itself");
    if (name.empty()) context.error("must name a cluster");
    if (!names.insert(name).second) context.warning("\"" + name + "\" has been named before");
    out.aggregate.push_back(name);
  }
}

}  // namespace remora::xds
