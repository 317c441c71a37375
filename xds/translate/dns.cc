#include "translate/dns.h"

#include <algorithm>
#include <iterator>

#include "translate/content_hash.h"
#include "translate/dns_failure_rate.h"
#include "translate/dns_resolver.h"
#include "translate/endpoint.h"
#include "translate/field_check.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;
using envoy::extensions::clusters::dns::v3::DnsCluster;

/// What both forms say in the same words.
template <typename Message>
void read_common(const Message& message, Context& context, DnsDiscovery& out) {
  if (message.has_dns_refresh_rate())
    out.refresh_rate = to_milliseconds(message.dns_refresh_rate(), "dns_refresh_rate", context);
  if (message.has_dns_jitter()) out.jitter = to_milliseconds(message.dns_jitter(), "dns_jitter", context);
  out.respect_ttl = message.respect_dns_ttl();
  set_dns_failure_rate(message, context, out);
}

DnsLookupFamily to_family(envoy::extensions::clusters::common::dns::v3::DnsLookupFamily family) {
  namespace v3 = envoy::extensions::clusters::common::dns::v3;
  switch (family) {
    case v3::V4_ONLY: return DnsLookupFamily::kV4Only;
    case v3::V6_ONLY: return DnsLookupFamily::kV6Only;
    case v3::V4_PREFERRED: return DnsLookupFamily::kV4Preferred;
    case v3::ALL: return DnsLookupFamily::kAll;
    default: return DnsLookupFamily::kAuto;
  }
}

std::optional<DnsResolverConfig> to_resolver(const ProtoCluster& cluster, Context& context) {
  DnsResolverConfig out;
  if (set_older_resolver(cluster, context, out)) return out;
  out.servers = to_dns_servers(cluster.dns_resolvers(), "dns_resolvers", context);
  out.use_tcp = cluster.use_tcp_for_dns_lookups();
  if (out == DnsResolverConfig()) return std::nullopt;
  return out;
}

void read_targets(const ProtoCluster& cluster, Context& context, DnsDiscovery& out) {
  const auto scope = context.in("load_assignment");
  std::vector<NamedEndpoint> names;
  const auto set = translate_named_endpoints(cluster.load_assignment(), names, context);
  if (!set) return;
  out.set = *set;
  out.set.endpoints.clear();
  out.set.cluster_name = cluster.name();
  for (size_t i = 0; i < names.size(); ++i) {
    Endpoint host = *set->endpoints[i];
    host.address_text.clear();
    if (host.hostname.empty()) host.hostname = names[i].name;
    if (out.one_host) host.priority = 0;  // as in Envoy
    out.targets.push_back({std::move(names[i].name), names[i].port, std::move(host)});
  }
  if (out.one_host && out.targets.size() != 1)
    context.error("must have exactly one endpoint for one logical host");
}

/// A number for what is resolved and how: versions of a cluster that have it in common share the answers, so
/// that a change of something else loses no host, whatever the name servers do.
uint64_t identity_of(const ProtoCluster& cluster) {
  constexpr std::string_view kParts[] = {"alt_stat_name",        "type",
                                         "cluster_type",         "load_assignment",
                                         "respect_dns_ttl",      "use_tcp_for_dns_lookups",
                                         "wait_for_warm_on_init"};
  ProtoCluster part = cluster;
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  part.GetReflection()->ListFields(part, &fields);
  for (const auto* field : fields) {
    const bool counts = field->name().find("dns_") != std::string::npos ||
                        std::ranges::find(kParts, field->name()) != std::end(kParts);
    if (!counts) part.GetReflection()->ClearField(&part, field);
  }
  return content_hash(part);
}

/// Standing at the cluster.
void finish(const ProtoCluster& cluster, DnsDiscovery dns, Context& context, TranslatedCluster& result,
            ClusterConfig& out) {
  out.discovery = dns.one_host ? ClusterConfig::Discovery::kLogicalDns : ClusterConfig::Discovery::kStrictDns;
  if (cluster.has_eds_cluster_config())
    context.error("eds_cluster_config", "is only for clusters of type EDS");
  read_targets(cluster, context, dns);
  auto shared = std::make_shared<const DnsDiscovery>(std::move(dns));
  out.dns = shared;
  if (shared->targets.empty()) {
    result.endpoints = std::make_shared<const EndpointSet>(shared->set);
    return;
  }
  ResourceSource source;
  source.kind = ResourceSource::Kind::kDns;
  source.key = "dns#" + std::to_string(identity_of(cluster));
  source.fetch_timeout = Milliseconds(0);
  source.is_waited_for = !cluster.has_wait_for_warm_on_init() || cluster.wait_for_warm_on_init().value();
  source.dns = std::move(shared);
  source.stat_name = cluster_stat_name(out);
  result.endpoints_key = resource_key(cluster.name(), source.key);
  result.source = std::make_shared<const ResourceSource>(std::move(source));
}

}  // namespace

DnsLookupFamily to_family(ProtoCluster::DnsLookupFamily family) {
  switch (family) {
    case ProtoCluster::V4_ONLY: return DnsLookupFamily::kV4Only;
    case ProtoCluster::V6_ONLY: return DnsLookupFamily::kV6Only;
    case ProtoCluster::V4_PREFERRED: return DnsLookupFamily::kV4Preferred;
    case ProtoCluster::ALL: return DnsLookupFamily::kAll;
    default: return DnsLookupFamily::kAuto;
  }
}

void set_dns(const ProtoCluster& cluster, bool one_host, Context& context, TranslatedCluster& result,
             ClusterConfig& out) {
  DnsDiscovery dns;
  dns.one_host = one_host;
  dns.family = to_family(cluster.dns_lookup_family());
  read_common(cluster, context, dns);
  dns.resolver = to_resolver(cluster, context);
  finish(cluster, std::move(dns), context, result, out);
}

void set_dns(const ProtoCluster& cluster, const DnsCluster& message, Context& context,
             TranslatedCluster& result, ClusterConfig& out) {
  DnsDiscovery dns;
  {
    const auto scope = context.in("cluster_type");
    const auto typed = context.in("typed_config");
    check_fields(message, context);
    dns.one_host = message.all_addresses_in_single_endpoint();
    dns.family = to_family(message.dns_lookup_family());
    read_common(message, context, dns);
    if (message.has_typed_dns_resolver_config()) {
      const auto resolver = context.in("typed_dns_resolver_config");
      dns.resolver = to_dns_resolver(message.typed_dns_resolver_config(), context);
    }
  }
  warn_of_dns_fields(cluster, context);
  finish(cluster, std::move(dns), context, result, out);
}

void warn_of_dns_fields(const ProtoCluster& cluster, Context& context) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  cluster.GetReflection()->ListFields(cluster, &fields);
  for (const auto* field : fields) {
    if (field->name().find("dns_") != std::string::npos)
      context.warning(field->name(),
                      "has no effect: only clusters of type STRICT_DNS and LOGICAL_DNS read it");
  }
}

DnsResolverConfig to_dns_resolver(const envoy::config::bootstrap::v3::Bootstrap& bootstrap,
                                  Context& context) {
  DnsResolverConfig out;
  if (!set_older_resolver(bootstrap, context, out)) out.use_tcp = bootstrap.use_tcp_for_dns_lookups();
  return out;
}

}  // namespace remora::xds
