#pragma once

#include <memory>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster.pb.h"
#include "envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache.pb.h"
#include "remora/config/dynamic_forward.h"
#include "translate/cluster.h"
#include "translate/context.h"

namespace remora::xds {

/// A cluster whose hosts are the names that requests ask for: all but what finish_dynamic_forward() does.
/// Standing at the cluster.
void set_dynamic_forward(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                         TranslatedCluster& result, ClusterConfig& out);

/// What depends on how the hosts are spoken to, which `out` has by now. Does nothing to other clusters.
void finish_dynamic_forward(const envoy::config::cluster::v3::Cluster& cluster, Context& context,
                            ClusterConfig& out);

/// The cache that the message describes, shared by name. Standing at the message. Null after an error.
std::shared_ptr<DnsCache> to_dns_cache(
    const envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig& message, Context& context);

}  // namespace remora::xds
