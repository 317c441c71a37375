#pragma once

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/clusters/aggregate/v3/cluster.pb.h"
#include "translate/cluster.h"
#include "translate/context.h"

namespace remora::xds {

/// A cluster that consists of others, the most wanted first. Standing at the cluster.
void set_aggregate(const envoy::config::cluster::v3::Cluster& cluster,
                   const envoy::extensions::clusters::aggregate::v3::ClusterConfig& message, Context& context,
                   TranslatedCluster& result, ClusterConfig& out);

/// Either form of a cluster's balancer may say that its type has one of its own.
bool is_provided_balancer(const envoy::config::cluster::v3::Cluster& cluster);

}  // namespace remora::xds
