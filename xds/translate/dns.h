#pragma once

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/clusters/dns/v3/dns_cluster.pb.h"
#include "remora/config/dns.h"
#include "translate/cluster.h"
#include "translate/context.h"

namespace remora::xds {

/// A cluster whose hosts are found by name: its older fields say how, or, with `message`, that one.
/// `one_host` as in DnsDiscovery. Standing at the cluster.
void set_dns(const envoy::config::cluster::v3::Cluster& cluster, bool one_host, Context& context,
             TranslatedCluster& result, ClusterConfig& out);
void set_dns(const envoy::config::cluster::v3::Cluster& cluster,
             const envoy::extensions::clusters::dns::v3::DnsCluster& message, Context& context,
             TranslatedCluster& result, ClusterConfig& out);

DnsLookupFamily to_family(envoy::config::cluster::v3::Cluster::DnsLookupFamily family);

/// Of a cluster of another type.
void warn_of_dns_fields(const envoy::config::cluster::v3::Cluster& cluster, Context& context);

/// Who is asked where clusters say nothing of it. Standing at the bootstrap.
DnsResolverConfig to_dns_resolver(const envoy::config::bootstrap::v3::Bootstrap& bootstrap, Context& context);

}  // namespace remora::xds
