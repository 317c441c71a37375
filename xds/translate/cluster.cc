#include "translate/cluster.h"

#include "translate/endpoint.h"
#include "translate/field_check.h"
#include "translate/transport_socket.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;

constexpr Milliseconds kDefaultFetchTimeout{15000};
constexpr const char* kPanicRuntimeKey = "upstream.healthy_panic_threshold";

void set_eds(const ProtoCluster& cluster, Context& context, TranslatedCluster& result, ClusterConfig& out) {
  out.discovery = ClusterConfig::Discovery::kEds;
  if (cluster.has_load_assignment()) context.error("load_assignment", "is only for clusters of type STATIC");
  const auto scope = context.in("eds_cluster_config");
  const auto& eds = cluster.eds_cluster_config();
  out.eds_service_name = eds.service_name().empty() ? cluster.name() : eds.service_name();
  if (!eds.has_eds_config()) {
    context.error("eds_config", "is required for a cluster of type EDS");
    return;
  }
  result.initial_fetch_timeout = check_ads_source(eds.eds_config(), "eds_config", context);
}

void set_static(const ProtoCluster& cluster, const ResourceOrigin& origin, Context& context,
                TranslatedCluster& result) {
  if (cluster.has_eds_cluster_config())
    context.error("eds_cluster_config", "is only for clusters of type EDS");
  if (!cluster.has_load_assignment()) {
    result.endpoints =
        std::make_shared<const EndpointSet>(EndpointSet{cluster.name(), origin.version, {}, 140});
    return;
  }
  const auto scope = context.in("load_assignment");
  result.endpoints = translate_endpoints(cluster.load_assignment(), origin.version, context);
}

void set_discovery(const ProtoCluster& cluster, const ResourceOrigin& origin, Context& context,
                   TranslatedCluster& result, ClusterConfig& out) {
  if (cluster.has_cluster_type()) {
    context.unsupported("cluster_type", "the cluster type '" + cluster.cluster_type().name() + "'");
    return;
  }
  switch (cluster.type()) {
    case ProtoCluster::STATIC: return set_static(cluster, origin, context, result);
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

void set_basics(const ProtoCluster& cluster, const ResourceOrigin& origin, Context& context,
                ClusterConfig& out) {
  out.name = cluster.name();
  out.alt_stat_name = cluster.alt_stat_name();
  out.version = origin.version;
  out.added_via_api = origin.added_via_api;
  if (cluster.has_connect_timeout()) {
    out.connect_timeout = to_milliseconds(cluster.connect_timeout(), "connect_timeout", context);
  }
  if (cluster.has_per_connection_buffer_limit_bytes()) {
    out.buffer_limit = cluster.per_connection_buffer_limit_bytes().value();
  }
  out.metadata = to_metadata(cluster.metadata());
}

}  // namespace

Milliseconds check_ads_source(const envoy::config::core::v3::ConfigSource& source, std::string_view field,
                              Context& context) {
  const auto scope = context.in(field);
  if (!source.has_ads()) context.error("only ads is implemented by this build as a source of these");
  if (source.resource_api_version() == envoy::config::core::v3::V2)
    context.error("resource_api_version", "must be V3");
  if (!source.has_initial_fetch_timeout()) return kDefaultFetchTimeout;
  return to_milliseconds(source.initial_fetch_timeout(), "initial_fetch_timeout", context);
}

TranslatedCluster translate_cluster(const ProtoCluster& cluster, const ResourceOrigin& origin,
                                    Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(cluster, context);
  TranslatedCluster result;
  auto out = std::make_shared<ClusterConfig>();
  set_basics(cluster, origin, context, *out);
  set_discovery(cluster, origin, context, result, *out);
  set_load_balancer(cluster, context, *out);
  set_panic_threshold(cluster, context, *out);
  set_upstream_http(cluster, context, *out);
  set_transport_sockets(cluster, context, result.secrets, *out);
  if (cluster.has_circuit_breakers()) {
    const auto scope = context.in("circuit_breakers");
    set_circuit_breakers(cluster.circuit_breakers(), context, *out);
  }
  if (cluster.has_outlier_detection()) {
    const auto scope = context.in("outlier_detection");
    out->outlier = to_outlier_detection(cluster.outlier_detection(), context);
  }
  if (context.report().error_count() == errors_before) result.config = std::move(out);
  return result;
}

}  // namespace remora::xds
