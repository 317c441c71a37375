#include "translate/cluster.h"

#include "translate/aggregate.h"
#include "translate/dns.h"
#include "translate/dynamic_forward.h"
#include "translate/endpoint.h"
#include "translate/field_check.h"
#include "translate/metadata_exchange.h"
#include "translate/socket_options.h"
#include "translate/transport_socket.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;

constexpr std::string_view kOriginalDstHeader = "x-envoy-original-dst-host";
constexpr const char* kPanicRuntimeKey = "upstream.healthy_panic_threshold";

void set_eds(const ProtoCluster& cluster, Context& context, TranslatedCluster& result, ClusterConfig& out) {
  out.discovery = ClusterConfig::Discovery::kEds;
  if (cluster.has_load_assignment()) context.error("load_assignment", "is only for clusters of type STATIC");
  const auto scope = context.in("eds_cluster_config");
  const auto& eds = cluster.eds_cluster_config();
  if (eds.service_name() != cluster.name()) out.eds_service_name = eds.service_name();
  if (!eds.has_eds_config()) {
    context.error("eds_config", "is required for a cluster of type EDS");
    return;
  }
  auto source = to_resource_source(eds.eds_config(), "eds_config", context);
  result.endpoints_key = resource_key(endpoints_name(out), source.key);
  result.source = share(std::move(source));
}

void set_static(const ProtoCluster& cluster, Context& context, TranslatedCluster& result) {
  if (cluster.has_eds_cluster_config())
    context.error("eds_cluster_config", "is only for clusters of type EDS");
  if (!cluster.has_load_assignment()) {
    result.endpoints = std::make_shared<const EndpointSet>(EndpointSet{cluster.name(), {}, 140});
    return;
  }
  const auto scope = context.in("load_assignment");
  result.endpoints = translate_endpoints(cluster.load_assignment(), context);
}

/// Hosts come with the connections that want to go to them.
void set_original_dst(const ProtoCluster& cluster, Context& context, TranslatedCluster& result,
                      ClusterConfig& out) {
  out.discovery = ClusterConfig::Discovery::kOriginalDst;
  result.endpoints = std::make_shared<const EndpointSet>(EndpointSet{cluster.name(), {}, 140});
  if (cluster.has_load_assignment())
    context.error("load_assignment", "a cluster of type ORIGINAL_DST has no hosts of its own");
  if (cluster.has_eds_cluster_config())
    context.error("eds_cluster_config", "is only for clusters of type EDS");
  if (cluster.lb_policy() != ProtoCluster::CLUSTER_PROVIDED || cluster.has_load_balancing_policy())
    context.error("lb_policy", "must be CLUSTER_PROVIDED for a cluster of type ORIGINAL_DST");
  if (cluster.has_lb_subset_config())
    context.error("lb_subset_config", "a cluster of type ORIGINAL_DST has no subsets");
  auto& settings = out.original_dst.emplace();
  if (cluster.has_cleanup_interval())
    settings.cleanup_interval = to_milliseconds(cluster.cleanup_interval(), "cleanup_interval", context);
  const auto scope = context.in("original_dst_lb_config");
  const auto& config = cluster.original_dst_lb_config();
  if (config.use_http_header()) {
    settings.header = config.http_header_name().empty() ? std::string(kOriginalDstHeader)
                                                        : lower(config.http_header_name());
  } else if (!config.http_header_name().empty()) {
    context.error("http_header_name", "is only read with use_http_header");
  }
  if (config.has_upstream_port_override())
    settings.port = static_cast<uint16_t>(config.upstream_port_override().value());
}

void warn_of_original_dst_fields(const ProtoCluster& cluster, Context& context) {
  constexpr const char* kWhy = "has no effect: it is for clusters of type ORIGINAL_DST";
  if (cluster.has_original_dst_lb_config()) context.warning("original_dst_lb_config", kWhy);
  if (cluster.has_cleanup_interval()) context.warning("cleanup_interval", kWhy);
}

/// A type that is an extension. As in Envoy the configuration's type says which it is, or, without one, the
/// name.
void set_extension(const ProtoCluster& cluster, Context& context, TranslatedCluster& result,
                   ClusterConfig& out) {
  using envoy::extensions::clusters::dns::v3::DnsCluster;
  const auto& type = cluster.cluster_type();
  if (!type.has_typed_config()) {
    const bool one_host = type.name() == "envoy.cluster.logical_dns";
    if (one_host || type.name() == "envoy.cluster.strict_dns")
      return set_dns(cluster, one_host, context, result, out);
  }
  const TypedConfig config = unpack(type.typed_config());
  if (const auto* dns = dynamic_cast<const DnsCluster*>(config.message.get()))
    return set_dns(cluster, *dns, context, result, out);
  using Aggregate = envoy::extensions::clusters::aggregate::v3::ClusterConfig;
  if (const auto* aggregate = dynamic_cast<const Aggregate*>(config.message.get()))
    return set_aggregate(cluster, *aggregate, context, result, out);
  using Forward = envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;
  if (dynamic_cast<const Forward*>(config.message.get()) != nullptr)
    return set_dynamic_forward(cluster, context, result, out);
  const auto scope = context.in("cluster_type");
  refuse_extension("cluster type", type.name(), config, context);
}

void set_discovery(const ProtoCluster& cluster, Context& context, TranslatedCluster& result,
                   ClusterConfig& out) {
  if (cluster.type() != ProtoCluster::ORIGINAL_DST || cluster.has_cluster_type())
    warn_of_original_dst_fields(cluster, context);
  if (cluster.has_cluster_type()) return set_extension(cluster, context, result, out);
  if (cluster.type() == ProtoCluster::STRICT_DNS || cluster.type() == ProtoCluster::LOGICAL_DNS) {
    const bool one_host = cluster.type() == ProtoCluster::LOGICAL_DNS;
    return set_dns(cluster, one_host, context, result, out);
  }
  warn_of_dns_fields(cluster, context);
  switch (cluster.type()) {
    case ProtoCluster::ORIGINAL_DST: return set_original_dst(cluster, context, result, out);
    case ProtoCluster::STATIC: return set_static(cluster, context, result);
    case ProtoCluster::EDS: return set_eds(cluster, context, result, out);
    default:
      context.unsupported("type", "the cluster type " + ProtoCluster::DiscoveryType_Name(cluster.type()));
  }
}

void set_panic_threshold(const ProtoCluster& cluster, const Context& context, ClusterConfig& out) {
  const auto& common = cluster.common_lb_config();
  double percent = common.has_healthy_panic_threshold() ? common.healthy_panic_threshold().value() : 50;
  if (const auto runtime = runtime_number(kPanicRuntimeKey, context)) percent = *runtime;
  out.panic_threshold_percent = static_cast<uint32_t>(percent);
}

HappyEyeballs to_happy_eyeballs(
    const envoy::config::cluster::v3::UpstreamConnectionOptions::HappyEyeballsConfig& config) {
  using Options = envoy::config::cluster::v3::UpstreamConnectionOptions;
  HappyEyeballs out;
  if (config.first_address_family_version() == Options::V4) out.first = HappyEyeballs::First::kV4;
  if (config.first_address_family_version() == Options::V6) out.first = HappyEyeballs::First::kV6;
  if (config.has_first_address_family_count())
    out.first_count = std::max(1u, config.first_address_family_count().value());
  return out;
}

void set_basics(const ProtoCluster& cluster, const ResourceOrigin& origin, Context& context,
                ClusterConfig& out) {
  out.name = cluster.name();
  out.alt_stat_name = cluster.alt_stat_name();
  out.added_via_api = origin.added_via_api;
  if (cluster.has_connect_timeout()) {
    out.connect_timeout = to_milliseconds(cluster.connect_timeout(), "connect_timeout", context);
  }
  if (cluster.has_per_connection_buffer_limit_bytes()) {
    out.buffer_limit = cluster.per_connection_buffer_limit_bytes().value();
  }
  if (cluster.has_upstream_bind_config()) {
    const auto scope = context.in("upstream_bind_config");
    out.bind = to_upstream_bind(cluster.upstream_bind_config(), context);
  }
  if (cluster.upstream_connection_options().has_happy_eyeballs_config())
    out.happy_eyeballs = to_happy_eyeballs(cluster.upstream_connection_options().happy_eyeballs_config());
  if (cluster.upstream_connection_options().has_tcp_keepalive())
    out.socket_options = to_keepalive_options(cluster.upstream_connection_options().tcp_keepalive());
  out.metadata = to_metadata(cluster.metadata());
}

}  // namespace

TranslatedCluster translate_cluster(const ProtoCluster& cluster, const ResourceOrigin& origin,
                                    Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(cluster, context);
  TranslatedCluster result;
  auto out = std::make_shared<ClusterConfig>();
  set_basics(cluster, origin, context, *out);
  set_discovery(cluster, context, result, *out);
  set_load_balancer(cluster, context, *out);
  set_panic_threshold(cluster, context, *out);
  set_upstream_connections(cluster, context, *out);
  set_upstream_http(cluster, context, *out);
  set_transport_sockets(cluster, context, result.secrets, *out);
  set_network_filters(cluster, context, *out);
  if (cluster.has_circuit_breakers()) {
    const auto scope = context.in("circuit_breakers");
    set_circuit_breakers(cluster.circuit_breakers(), context, *out);
  }
  if (cluster.has_outlier_detection()) {
    const auto scope = context.in("outlier_detection");
    const auto outlier = to_outlier_detection(cluster.outlier_detection(), context);
    if (out->discovery == ClusterConfig::Discovery::kAggregate) {
      // its members' holds
    } else if (out->original_dst) {
      context.warning("has no effect: nothing else can be chosen instead of an original destination");
    } else {
      out->outlier = outlier;
    }
  }
  set_latency_ejection(cluster, context, *out);
  set_health_checks(cluster, context, *out);
  finish_dynamic_forward(cluster, context, *out);
  if (context.report().error_count() == errors_before) result.config = std::move(out);
  return result;
}

}  // namespace remora::xds
