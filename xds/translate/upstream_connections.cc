#include "translate/cluster.h"

namespace remora::xds {

using ProtoCluster = envoy::config::cluster::v3::Cluster;

void set_upstream_connections(const ProtoCluster& cluster, Context& /*context*/, ClusterConfig& out) {
  out.close_on_health_failure = cluster.close_connections_on_host_health_failure();
  out.close_on_host_set_change = cluster.common_lb_config().close_connections_on_host_set_change();
  out.pool_per_downstream = cluster.connection_pool_per_downstream_connection();
}

}  // namespace remora::xds
