#include "translate/dynamic_forward.h"

#include <algorithm>

#include "translate/aggregate.h"
#include "translate/dns.h"
#include "translate/dns_failure_rate.h"
#include "translate/dns_resolver.h"
#include "translate/field_check.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;
using ProtoCache = envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig;
using Forward = envoy::extensions::clusters::dynamic_forward_proxy::v3::ClusterConfig;

constexpr std::string_view kHttpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

void check_cluster(const ProtoCluster& cluster, Context& context) {
  constexpr const char* kNoHosts = "a dynamic forward proxy has no hosts of its own";
  if (!is_provided_balancer(cluster))
    context.error("lb_policy",
                  "must be CLUSTER_PROVIDED for a cluster of type envoy.clusters.dynamic_forward_proxy");
  if (cluster.has_load_assignment()) context.error("load_assignment", kNoHosts);
  if (cluster.has_eds_cluster_config())
    context.error("eds_cluster_config", "is only for clusters of type EDS");
  if (cluster.has_lb_subset_config()) context.error("lb_subset_config", kNoHosts);
  if (cluster.has_outlier_detection())
    context.unsupported("outlier_detection", "outlier detection of a dynamic forward proxy's hosts");
  if (cluster.health_checks_size() > 0)
    context.unsupported("health_checks", "health checks of a dynamic forward proxy's hosts");
  warn_of_dns_fields(cluster, context);
}

/// Who is forwarded over TLS must not be able to reach another server than the one that is asked for: as in
/// Envoy, names are sent and checked unless the configuration says that it knows better.
void secure_names(const ProtoCluster& cluster, bool allow_insecure, Context& context, ClusterConfig& out) {
  const bool typed = cluster.typed_extension_protocol_options().contains(std::string(kHttpOptions));
  if (!typed && !cluster.has_upstream_http_protocol_options()) out.auto_sni = out.auto_san_validation = true;
  if (allow_insecure || (out.auto_sni && out.auto_san_validation)) return;
  context.error(
      "must have auto_sni and auto_san_validation true unless allow_insecure_cluster_options is set");
}

void set_times(const ProtoCache& message, Context& context, DnsCacheConfig& out) {
  const auto take = [&](bool is_set, const auto& duration, std::string_view field, Milliseconds& value) {
    if (is_set) value = to_milliseconds(duration, field, context);
  };
  take(message.has_dns_refresh_rate(), message.dns_refresh_rate(), "dns_refresh_rate", out.refresh_rate);
  take(message.has_dns_min_refresh_rate(), message.dns_min_refresh_rate(), "dns_min_refresh_rate",
       out.min_refresh_rate);
  take(message.has_host_ttl(), message.host_ttl(), "host_ttl", out.host_ttl);
  take(message.has_dns_query_timeout(), message.dns_query_timeout(), "dns_query_timeout", out.query_timeout);
  set_dns_failure_rate(message, context, out);
}

void set_preresolved(const ProtoCache& message, Context& context, DnsCacheConfig& out) {
  for (int i = 0; i < message.preresolve_hostnames_size(); ++i) {
    const auto scope = context.in("preresolve_hostnames", i);
    const auto& host = message.preresolve_hostnames(i);
    const bool is_v6 = host.address().find(':') != std::string::npos && !host.address().starts_with('[');
    const std::string authority = is_v6 ? "[" + host.address() + "]" : host.address();
    std::string text;
    if (!forward_name(authority, static_cast<uint16_t>(host.port_value()), text)) {
      context.error("must be the name of a host, and a port");
    } else {
      out.preresolve.push_back(std::move(text));
    }
  }
  if (out.preresolve.size() > out.max_hosts) context.error("preresolve_hostnames", "are more than max_hosts");
}

std::optional<DnsResolverConfig> to_resolver(const ProtoCache& message, Context& context) {
  DnsResolverConfig out;
  if (set_older_resolver(message, context, out)) return out;
  out.use_tcp = message.use_tcp_for_dns_lookups();
  if (out == DnsResolverConfig()) return std::nullopt;
  return out;
}

}  // namespace

std::shared_ptr<DnsCache> to_dns_cache(const ProtoCache& message, Context& context) {
  const size_t errors_before = context.report().error_count();
  DnsCacheConfig out;
  out.name = message.name();
  out.family = to_family(message.dns_lookup_family());
  set_times(message, context, out);
  if (message.has_max_hosts()) out.max_hosts = message.max_hosts().value();
  const auto& breaker = message.dns_cache_circuit_breaker();
  if (breaker.has_max_pending_requests()) out.max_pending_requests = breaker.max_pending_requests().value();
  set_preresolved(message, context, out);
  out.resolver = to_resolver(message, context);
  if (context.report().error_count() != errors_before) return nullptr;
  auto cache = DnsCache::share(context.environment().stats, out);
  if (cache) return *cache;
  context.error(cache.error().message);
  return nullptr;
}

void set_dynamic_forward(const ProtoCluster& cluster, Context& context, TranslatedCluster& result,
                         ClusterConfig& out) {
  out.discovery = ClusterConfig::Discovery::kDynamicForward;
  result.endpoints = std::make_shared<const EndpointSet>(EndpointSet{cluster.name(), {}, 140});
  check_cluster(cluster, context);
}

void finish_dynamic_forward(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  if (out.discovery != ClusterConfig::Discovery::kDynamicForward) return;
  const TypedConfig config = unpack(cluster.cluster_type().typed_config());
  const auto& message = dynamic_cast<const Forward&>(*config.message);
  const size_t errors_before = context.report().error_count();
  secure_names(cluster, message.allow_insecure_cluster_options(), context, out);
  const auto scope = context.in("cluster_type");
  const auto typed = context.in("typed_config");
  check_fields(message, context);
  const auto place = context.in("dns_cache_config");
  if (context.report().error_count() != errors_before) return;
  auto cache = to_dns_cache(message.dns_cache_config(), context);
  if (cache == nullptr) return;
  constexpr uint16_t kHttps = 443, kHttp = 80;
  out.dynamic_forward =
      std::make_shared<const DynamicForward>(std::move(cache), cluster.name(), out.tls ? kHttps : kHttp);
}

}  // namespace remora::xds
