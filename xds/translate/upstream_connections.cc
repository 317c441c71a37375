#include "translate/cluster.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;

/// Hosts of the next requests are only known where the policy neither looks at the request nor at the load.
bool foresees(const ClusterConfig& config) {
  return !config.consistent_hash && !config.subset &&
         config.discovery != ClusterConfig::Discovery::kAggregate &&
         (config.lb_policy == LbPolicy::kRoundRobin || config.lb_policy == LbPolicy::kRandom ||
          config.lb_policy == LbPolicy::kClientSideWeighted);
}

void set_preconnect(const ProtoCluster::PreconnectPolicy& policy, Context& context, ClusterConfig& out) {
  const auto scope = context.in("preconnect_policy");
  Preconnect ratios;
  if (policy.has_per_upstream_preconnect_ratio())
    ratios.per_upstream_ratio = policy.per_upstream_preconnect_ratio().value();
  if (policy.has_predictive_preconnect_ratio())
    ratios.predictive_ratio = policy.predictive_preconnect_ratio().value();
  if (ratios.predictive_ratio > 1 && !foresees(out)) {
    context.warning("predictive_preconnect_ratio",
                    "has no effect: the cluster's load balancer cannot foresee its choices");
  } else if (ratios.predictive_ratio > 1 && out.pool_per_downstream) {
    context.warning("predictive_preconnect_ratio",
                    "has no effect with connection_pool_per_downstream_connection");
  }
  out.preconnect = ratios;
}

}  // namespace

void set_upstream_connections(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  out.close_on_health_failure = cluster.close_connections_on_host_health_failure();
  out.close_on_host_set_change = cluster.common_lb_config().close_connections_on_host_set_change();
  out.pool_per_downstream = cluster.connection_pool_per_downstream_connection();
  if (cluster.load_assignment().policy().has_endpoint_stale_after()) {
    context.warning("load_assignment.policy.endpoint_stale_after",
                    "has no effect: only endpoints of clusters of type EDS are renewed");
  }
  if (cluster.has_preconnect_policy()) set_preconnect(cluster.preconnect_policy(), context, out);
}

}  // namespace remora::xds
