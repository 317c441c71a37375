#include <limits>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "istio/build/intercepted.h"
#include "istio/build/load_balancing.h"
#include "istio/build/looked_up.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/tls.h"
#include "istio/build/translate.h"

namespace remora::istio {
namespace {

using envoy::config::cluster::v3::Cluster;

// Istio's defaults, which differ from Envoy's (5 s, 1024).
constexpr Duration kConnectTimeout = std::chrono::seconds(10);
constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();

using envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

void set_protocol(UpstreamHttp protocol, const ConnectionPool& pool, HttpProtocolOptions& options) {
  const auto limit_streams = [&](envoy::config::core::v3::Http2ProtocolOptions& http2) {
    if (pool.max_concurrent_streams)
      http2.mutable_max_concurrent_streams()->set_value(*pool.max_concurrent_streams);
  };
  if (protocol == UpstreamHttp::kHttp2) {
    limit_streams(*options.mutable_explicit_http_config()->mutable_http2_protocol_options());
  } else if (protocol == UpstreamHttp::kAsClient) {
    options.mutable_use_downstream_protocol_config()->mutable_http_protocol_options();
    limit_streams(*options.mutable_use_downstream_protocol_config()->mutable_http2_protocol_options());
  } else {
    options.mutable_explicit_http_config()->mutable_http_protocol_options();
  }
}

/// A TLS server of somebody else wants to hear the host's name, and is to prove that it is its own.
bool set_automatic_names(const ClusterParts& parts, const PolicySettings& policy,
                         HttpProtocolOptions& options) {
  if (!policy.tls || !policy.tls->sni.empty()) return false;
  if (policy.tls->mode != ClientTls::Mode::kSimple && policy.tls->mode != ClientTls::Mode::kMutual)
    return false;
  auto& names = *options.mutable_upstream_http_protocol_options();
  names.set_auto_sni(true);
  names.set_auto_san_validation(!policy.tls->insecure_skip_verify && peer_names(parts, *policy.tls).empty());
  return true;
}

void set_http_options(UpstreamHttp protocol, const ConnectionPool& pool, HttpProtocolOptions options,
                      bool needed, Cluster& cluster) {
  const bool limits =
      pool.idle_timeout || pool.max_connection_duration || pool.max_requests_per_connection.value_or(0) > 0;
  if (protocol == UpstreamHttp::kNone || (protocol == UpstreamHttp::kHttp1 && !limits && !needed)) return;
  set_protocol(protocol, pool, options);
  if (limits) {
    auto& common = *options.mutable_common_http_protocol_options();
    if (pool.idle_timeout) set_duration(*pool.idle_timeout, *common.mutable_idle_timeout());
    if (pool.max_connection_duration)
      set_duration(*pool.max_connection_duration, *common.mutable_max_connection_duration());
    if (pool.max_requests_per_connection.value_or(0) > 0) {
      common.mutable_max_requests_per_connection()->set_value(*pool.max_requests_per_connection);
    }
  }
  (*cluster.mutable_typed_extension_protocol_options())
      ["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] = pack(options);
}

void set_keepalive(const TcpKeepalive& wanted, Cluster& cluster) {
  using std::chrono::duration_cast;
  using std::chrono::seconds;
  auto& keepalive = *cluster.mutable_upstream_connection_options()->mutable_tcp_keepalive();
  const auto whole = [](Duration time) {
    return static_cast<uint32_t>(duration_cast<seconds>(time).count());
  };
  if (wanted.probes) keepalive.mutable_keepalive_probes()->set_value(*wanted.probes);
  if (wanted.time) keepalive.mutable_keepalive_time()->set_value(whole(*wanted.time));
  if (wanted.interval) keepalive.mutable_keepalive_interval()->set_value(whole(*wanted.interval));
}

void set_retry_budget(const RetryBudget& wanted, Cluster& cluster) {
  auto& budget = *cluster.mutable_circuit_breakers()->mutable_thresholds(0)->mutable_retry_budget();
  budget.mutable_budget_percent()->set_value(wanted.percent);
  budget.mutable_min_retry_concurrency()->set_value(wanted.min_concurrency);
}

/// Counting and enforcing go together: 0 errors means that this kind of error ejects nobody.
void set_consecutive(uint32_t errors, google::protobuf::UInt32Value& count,
                     google::protobuf::UInt32Value& enforcing) {
  count.set_value(errors);
  enforcing.set_value(errors > 0 ? 100 : 0);
}

/// Where the proxy looks for it, and an Envoy does not.
void set_latency_ejection(const LatencyEjection& wanted, Cluster& cluster) {
  auto& own = (*cluster.mutable_metadata()->mutable_filter_metadata())["remora"];
  auto& settings = *(*own.mutable_fields())["latency_ejection"].mutable_struct_value();
  for (const auto& [name, value] : wanted) (*settings.mutable_fields())[name].set_number_value(value);
}

void set_outlier_detection(const PolicySettings& policy, Cluster& cluster) {
  // Panic mode sends to ejected endpoints; Istio turns it off unless minHealthPercent asks for it.
  auto& panic = *cluster.mutable_common_lb_config()->mutable_healthy_panic_threshold();
  if (!policy.outlier_detection) return;
  const OutlierDetection& wanted = *policy.outlier_detection;
  panic.set_value(wanted.min_health_percent.value_or(0));
  auto& outlier = *cluster.mutable_outlier_detection();
  outlier.mutable_enforcing_success_rate()->set_value(0);
  if (wanted.consecutive_5xx_errors) {
    set_consecutive(*wanted.consecutive_5xx_errors, *outlier.mutable_consecutive_5xx(),
                    *outlier.mutable_enforcing_consecutive_5xx());
  }
  if (wanted.consecutive_gateway_errors) {
    set_consecutive(*wanted.consecutive_gateway_errors, *outlier.mutable_consecutive_gateway_failure(),
                    *outlier.mutable_enforcing_consecutive_gateway_failure());
  }
  if (wanted.split_external_local_origin_errors) {
    outlier.set_split_external_local_origin_errors(true);
    outlier.mutable_enforcing_local_origin_success_rate()->set_value(0);
    if (wanted.consecutive_local_origin_failures) {
      set_consecutive(*wanted.consecutive_local_origin_failures,
                      *outlier.mutable_consecutive_local_origin_failure(),
                      *outlier.mutable_enforcing_consecutive_local_origin_failure());
    }
  }
  if (wanted.interval) set_duration(*wanted.interval, *outlier.mutable_interval());
  if (wanted.base_ejection_time)
    set_duration(*wanted.base_ejection_time, *outlier.mutable_base_ejection_time());
  if (wanted.max_ejection_percent.value_or(0) > 0) {
    outlier.mutable_max_ejection_percent()->set_value(*wanted.max_ejection_percent);
  }
  if (wanted.latency) set_latency_ejection(*wanted.latency, cluster);
}

void add_service_metadata(const MeshService& service, google::protobuf::Struct& metadata) {
  auto& services = *(*metadata.mutable_fields())["services"].mutable_list_value();
  auto& fields = *services.add_values()->mutable_struct_value()->mutable_fields();
  fields["host"].set_string_value(service.host);
  fields["name"].set_string_value(service.name);
  fields["namespace"].set_string_value(service.ns);
}

/// Endpoints come over the proxy's own stream.
void set_endpoints(Cluster& cluster) {
  cluster.set_type(Cluster::EDS);
  auto& eds = *cluster.mutable_eds_cluster_config();
  eds.set_service_name(cluster.name());
  eds.mutable_eds_config()->mutable_ads();
  eds.mutable_eds_config()->mutable_initial_fetch_timeout();  // zero: wait for as long as it takes
  eds.mutable_eds_config()->set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
}

/// Port 0: `address` is a socket's path.
void set_application(const std::string& address, uint16_t port, Cluster& cluster) {
  cluster.set_type(Cluster::STATIC);
  auto& assignment = *cluster.mutable_load_assignment();
  assignment.set_cluster_name(cluster.name());
  auto& endpoint = *assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint();
  if (port == 0) {
    endpoint.mutable_address()->mutable_pipe()->set_path(address);
  } else {
    set_socket_address(address, port, *endpoint.mutable_address());
  }
}

/// Where `inbound` leads.
void lead_to(const InboundPort& inbound, const ProxyNode& node, Cluster& cluster) {
  const auto [host, port] = application_address(inbound, node);
  if (host.empty()) return lead_to_application(node, cluster);
  set_application(host, port, cluster);
  const bool own_address =
      inbound.ingress != nullptr && inbound.ingress->endpoint.at == IngressEndpoint::At::kInstance;
  if (own_address && node.intercepted()) come_from_loopback(node, cluster);
}

/// Of a port, the Sidecar's, the DestinationRule's.
ConnectionPool inbound_pool(const InboundPort& inbound, const MergedRule* rule, const MeshView& view) {
  const Sidecar* sidecar = view.sidecar();
  ConnectionPool pool;
  if (inbound.ingress != nullptr && inbound.ingress->connection_pool) {
    pool = *inbound.ingress->connection_pool;
  } else if (sidecar != nullptr && sidecar->inbound_pool) {
    pool = *sidecar->inbound_pool;
  } else {
    const uint16_t number = inbound.services.front().second->number;
    pool = effective_policy(rule, nullptr, number).connection_pool.value_or(ConnectionPool{});
  }
  pool.upgrade_to_http2 = false;  // between sidecars; the application speaks what its port says
  return pool;
}

void set_rule_metadata(const MergedRule* rule, google::protobuf::Struct& metadata) {
  if (rule == nullptr) return;
  (*metadata.mutable_fields())["config"].set_string_value(config_path(*rule->parts.front()));
}

}  // namespace

void set_connection_pool(const ConnectionPool& pool, Cluster& cluster) {
  set_duration(pool.connect_timeout.value_or(kConnectTimeout), *cluster.mutable_connect_timeout());
  auto& thresholds = *cluster.mutable_circuit_breakers()->add_thresholds();
  thresholds.mutable_max_connections()->set_value(pool.max_connections.value_or(kNoLimit));
  thresholds.mutable_max_pending_requests()->set_value(pool.http1_max_pending_requests.value_or(kNoLimit));
  thresholds.mutable_max_requests()->set_value(pool.http2_max_requests.value_or(kNoLimit));
  thresholds.mutable_max_retries()->set_value(pool.max_retries.value_or(kNoLimit));
  if (pool.tcp_keepalive) set_keepalive(*pool.tcp_keepalive, cluster);
}

PolicySettings effective_policy(const MergedRule* rule, const Subset* subset, uint16_t port) {
  if (rule == nullptr) return {};
  PolicySettings policy = rule->traffic_policy.for_port(port);
  if (subset == nullptr) return policy;
  const PolicySettings own = subset->traffic_policy.for_port(port);
  if (own.load_balancer) {
    policy.load_balancer = own.load_balancer;
    policy.consistent_hash = own.consistent_hash;
    policy.localities = own.localities;
    policy.warmup = own.warmup;
  }
  if (own.connection_pool) policy.connection_pool = own.connection_pool;
  if (own.outlier_detection) policy.outlier_detection = own.outlier_detection;
  if (own.tls) policy.tls = own.tls;
  if (own.retry_budget) policy.retry_budget = own.retry_budget;
  if (own.proxy_protocol) policy.proxy_protocol = own.proxy_protocol;
  return policy;
}

UpstreamHttp upstream_protocol(const MeshPort& port, const PolicySettings& policy, const ProxyNode& node) {
  if (!port.is_http()) return UpstreamHttp::kNone;
  // Of what declares nothing, the first bytes have told the version.
  if (port.protocol == Protocol::kUndeclared && node.intercepted()) return UpstreamHttp::kAsClient;
  if (policy.connection_pool && policy.connection_pool->use_client_protocol) return UpstreamHttp::kAsClient;
  const bool upgraded = policy.connection_pool && policy.connection_pool->upgrade_to_http2;
  return upgraded || port.protocol == Protocol::kHttp2 ? UpstreamHttp::kHttp2 : UpstreamHttp::kHttp1;
}

bool has_assignment(const ClusterParts& parts) {
  return !chosen_by_client(parts) && !parts.service.by_name();
}

bool chosen_by_client(const ClusterParts& parts) {
  if (!parts.view.node().intercepted()) return false;
  if (parts.service.headless || parts.service.as_called()) return true;
  const PolicySettings policy = effective_policy(parts.rule, parts.subset, parts.port.number);
  return policy.load_balancer == LoadBalancer::kPassthrough;
}

Cluster build_outbound_cluster(const ClusterParts& parts) {
  const std::string subset = parts.subset == nullptr ? "" : parts.subset->name;
  Cluster cluster;
  cluster.set_name(outbound_cluster_name(parts.port.number, subset, parts.service.host));
  const PolicySettings policy = effective_policy(parts.rule, parts.subset, parts.port.number);
  if (chosen_by_client(parts)) {
    lead_to_original_destination(cluster);
  } else {
    if (parts.service.by_name()) {
      set_names(parts, cluster);
    } else {
      set_endpoints(cluster);
    }
    set_load_balancer(policy, parts.view, cluster);
  }
  const ConnectionPool pool = policy.connection_pool.value_or(ConnectionPool{});
  set_connection_pool(pool, cluster);
  if (policy.retry_budget) set_retry_budget(*policy.retry_budget, cluster);
  HttpProtocolOptions options;
  const bool named = set_automatic_names(parts, policy, options);
  set_http_options(upstream_protocol(parts.port, policy, parts.view.node()), pool, std::move(options), named,
                   cluster);
  set_outlier_detection(policy, cluster);
  set_transport_sockets(parts, policy, cluster);
  if (policy.proxy_protocol) tell_ends(*policy.proxy_protocol, cluster);

  auto& metadata = istio_metadata(*cluster.mutable_metadata());
  set_rule_metadata(parts.rule, metadata);
  if (parts.service.external) (*metadata.mutable_fields())["external"].set_bool_value(true);
  if (!subset.empty()) (*metadata.mutable_fields())["subset"].set_string_value(subset);
  add_service_metadata(parts.service, metadata);
  return cluster;
}

std::pair<std::string, uint16_t> application_address(const InboundPort& inbound, const ProxyNode& node) {
  using At = IngressEndpoint::At;
  const IngressEndpoint at = inbound.ingress == nullptr ? IngressEndpoint() : inbound.ingress->endpoint;
  switch (at.at) {
    case At::kLoopback4: return {"127.0.0.1", at.port};
    case At::kLoopback6: return {"::1", at.port};
    case At::kInstance: return {node.ip, at.port};
    case At::kSocket: return {at.path, 0};
    case At::kListener: break;
  }
  return {node.intercepted() ? "" : node.app_address, inbound.port};
}

Cluster build_inbound_cluster(const InboundPort& inbound, const MeshView& view) {
  const auto& [service, port] = inbound.services.front();
  const MergedRule* rule = view.registry().find_rule(service->host, view.node().ns);
  Cluster cluster;
  cluster.set_name(inbound_name(inbound.port));
  const ConnectionPool pool = inbound_pool(inbound, rule, view);
  set_connection_pool(pool, cluster);
  set_http_options(upstream_protocol(*port, {.connection_pool = pool}, view.node()), pool, {}, false,
                   cluster);
  lead_to(inbound, view.node(), cluster);
  auto& metadata = istio_metadata(*cluster.mutable_metadata());
  set_rule_metadata(rule, metadata);
  for (const auto& entry : inbound.services) {
    if (!entry.first->host.empty()) add_service_metadata(*entry.first, metadata);
  }
  return cluster;
}

}  // namespace remora::istio
