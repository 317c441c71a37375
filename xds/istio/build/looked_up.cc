#include "istio/build/looked_up.h"

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.pb.h"
#include "istio/build/proto_util.h"

namespace remora::istio {
namespace {

using envoy::config::cluster::v3::Cluster;

// Istio's defaults (MeshConfig.dnsRefreshRate, PILOT_DNS_JITTER_DURATION, PILOT_DNS_CARES_UDP_MAX_QUERIES).
constexpr Duration kRefreshRate = std::chrono::seconds(60);
constexpr Duration kJitter = std::chrono::milliseconds(100);
constexpr uint32_t kQueriesPerSocket = 100;

int count_endpoints(const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment) {
  int count = 0;
  for (const auto& group : assignment.endpoints()) count += group.lb_endpoints_size();
  return count;
}

/// A logical host has one name. A selector may find more of them, or none.
Cluster::DiscoveryType type_for(Resolution resolution, int endpoints) {
  return resolution == Resolution::kDnsRoundRobin && endpoints == 1 ? Cluster::LOGICAL_DNS
                                                                    : Cluster::STRICT_DNS;
}

void set_lookup(const ProxyNode& node, Cluster& cluster) {
  // As istiod without ISTIO_DUAL_STACK: who has both families is sent to IPv4.
  cluster.set_dns_lookup_family(node.has_ipv4() ? Cluster::V4_ONLY : Cluster::V6_ONLY);
  set_duration(kRefreshRate, *cluster.mutable_dns_refresh_rate());
  set_duration(kJitter, *cluster.mutable_dns_jitter());
  cluster.set_respect_dns_ttl(true);
  envoy::extensions::network::dns_resolver::cares::v3::CaresDnsResolverConfig cares;
  cares.mutable_udp_max_queries()->set_value(kQueriesPerSocket);
  auto& resolver = *cluster.mutable_typed_dns_resolver_config();
  resolver.set_name("envoy.network.dns_resolver.cares");
  *resolver.mutable_typed_config() = pack(cares);
}

}  // namespace

void set_names(const ClusterParts& parts, Cluster& cluster) {
  auto& assignment = *cluster.mutable_load_assignment();
  assignment = build_load_assignment(parts);
  const ProxyNode& node = parts.view.node();
  // The only kind that gRPC knows, whose resolver is its own.
  if (node.grpc) return cluster.set_type(Cluster::LOGICAL_DNS);
  cluster.set_type(type_for(parts.service.resolution, count_endpoints(assignment)));
  set_lookup(node, cluster);
}

bool cannot_look_up(const ClusterParts& parts) {
  return parts.view.node().grpc && parts.service.by_name() &&
         count_endpoints(build_load_assignment(parts)) != 1;
}

}  // namespace remora::istio
