#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "api/istio_stats.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "istio/build_tls.h"
#include "istio/hosts.h"
#include "istio/names.h"
#include "istio/proto_util.h"
#include "istio/translate.h"
#include "udpa/type/v1/typed_struct.pb.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::FilterChain;
using envoy::config::listener::v3::Listener;
using envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
using HttpConnectionManager =
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

enum class Direction { kInbound, kOutbound };

google::protobuf::Any peer_metadata(Direction direction) {
  // Inbound, the peer is downstream and sends its identity in headers; outbound it is upstream and also known
  // from the endpoint's metadata.
  const char* json = direction == Direction::kInbound
                         ? R"({"downstream_discovery": [{"istio_headers": {}}, {"workload_discovery": {}}],
                               "downstream_propagation": [{"istio_headers": {}}]})"
                         : R"({"upstream_discovery": [{"istio_headers": {}}, {"workload_discovery": {}}],
                               "upstream_propagation": [{"istio_headers": {}}]})";
  udpa::type::v1::TypedStruct config;
  config.set_type_url("type.googleapis.com/io.istio.http.peer_metadata.Config");
  const auto status = google::protobuf::util::JsonStringToMessage(json, config.mutable_value());
  GOOGLE_CHECK(status.ok()) << status.ToString();
  return pack(config);
}

google::protobuf::Any stats_config(Direction direction) {
  stats::PluginConfig config;
  config.set_disable_host_header_fallback(direction == Direction::kInbound);
  return pack(config);
}

/// Counts a call's messages, for Istio's metrics of them. istiod gives it to every listener; only ports that
/// can carry gRPC need it.
void add_grpc_stats(HttpConnectionManager& manager) {
  envoy::extensions::filters::http::grpc_stats::v3::FilterConfig config;
  config.set_emit_filter_state(true);
  config.mutable_stats_for_all_methods()->set_value(false);
  auto& filter = *manager.add_http_filters();
  filter.set_name("envoy.filters.http.grpc_stats");
  *filter.mutable_typed_config() = pack(config);
}

void add_http_filters(Direction direction, bool grpc, const ProxyNode& node, HttpConnectionManager& manager) {
  if (!node.plain_envoy) {
    auto& exchange = *manager.add_http_filters();
    exchange.set_name("istio.metadata_exchange");
    *exchange.mutable_typed_config() = peer_metadata(direction);
  }
  if (grpc) add_grpc_stats(manager);
  if (!node.plain_envoy) {
    auto& stats = *manager.add_http_filters();
    stats.set_name("istio.stats");
    *stats.mutable_typed_config() = stats_config(direction);
  }
  auto& router = *manager.add_http_filters();
  router.set_name("envoy.filters.http.router");
  *router.mutable_typed_config() = pack(envoy::extensions::filters::http::router::v3::Router());
}

HttpConnectionManager connection_manager(Direction direction, bool grpc, const std::string& stat_prefix,
                                         const ProxyNode& node) {
  HttpConnectionManager manager;
  manager.set_stat_prefix(stat_prefix);
  manager.mutable_stream_idle_timeout();  // zero: Istio leaves it to the application
  manager.mutable_use_remote_address()->set_value(false);
  manager.mutable_normalize_path()->set_value(true);
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::KEEP_UNCHANGED);
  manager.add_upgrade_configs()->set_upgrade_type("websocket");
  add_http_filters(direction, grpc, node, manager);
  return manager;
}

HttpConnectionManager outbound_manager(const OutboundPort& port, const ProxyNode& node) {
  const bool grpc = std::any_of(port.http.begin(), port.http.end(), [&](const MeshService* service) {
    return service->find_port(port.number)->protocol == Protocol::kHttp2;
  });
  auto manager = connection_manager(Direction::kOutbound, grpc,
                                    "outbound_" + listener_name(node.outbound_address, port.number), node);
  auto& rds = *manager.mutable_rds();
  rds.set_route_config_name(std::to_string(port.number));
  rds.mutable_config_source()->mutable_ads();
  rds.mutable_config_source()->mutable_initial_fetch_timeout();  // zero: wait for as long as it takes
  rds.mutable_config_source()->set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
  return manager;
}

HttpConnectionManager inbound_manager(const InboundPort& inbound, const ProxyNode& node) {
  const bool grpc = inbound.services.front().second->protocol == Protocol::kHttp2;
  auto manager =
      connection_manager(Direction::kInbound, grpc, "inbound_" + listener_name(node.ip, inbound.port), node);
  manager.set_server_name("istio-envoy");
  // Whom mutual TLS has shown, the application can read.
  manager.set_forward_client_cert_details(HttpConnectionManager::APPEND_FORWARD);
  auto& details = *manager.mutable_set_current_client_cert_details();
  details.mutable_subject()->set_value(true);
  details.set_dns(true);
  details.set_uri(true);
  *manager.mutable_route_config() = build_inbound_route_configuration(inbound);
  return manager;
}

TcpProxy tcp_proxy(const std::string& cluster, const std::string& stat_prefix, const PolicySettings& policy) {
  TcpProxy proxy;
  proxy.set_stat_prefix(stat_prefix);
  proxy.set_cluster(cluster);
  if (policy.connection_pool && policy.connection_pool->tcp_idle_timeout) {
    set_duration(*policy.connection_pool->tcp_idle_timeout, *proxy.mutable_idle_timeout());
  }
  return proxy;
}

void add_filter(const HttpConnectionManager& manager, FilterChain& chain) {
  auto& filter = *chain.add_filters();
  filter.set_name("envoy.filters.network.http_connection_manager");
  *filter.mutable_typed_config() = pack(manager);
}

void add_filter(const TcpProxy& proxy, FilterChain& chain) {
  auto& filter = *chain.add_filters();
  filter.set_name("envoy.filters.network.tcp_proxy");
  *filter.mutable_typed_config() = pack(proxy);
}

Listener empty_listener(const std::string& address, uint16_t port) {
  Listener listener;
  listener.set_name(listener_name(address, port));
  set_socket_address(address, port, *listener.mutable_address());
  return listener;
}

/// Reads the name and protocols that a TLS client begins with, before a filter chain is chosen.
void inspect_tls(Listener& listener) {
  auto& filter = *listener.add_listener_filters();
  filter.set_name("envoy.filters.listener.tls_inspector");
  *filter.mutable_typed_config() =
      pack(envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector());
}

void add_tcp_chain(const MeshService& service, uint16_t port, const MeshView& view, FilterChain& chain) {
  const std::string cluster = outbound_cluster_name(port, "", service.host);
  const MergedRule* rule = view.registry().find_rule(service.host, view.node().ns);
  add_filter(tcp_proxy(cluster, cluster, effective_policy(rule, nullptr, port)), chain);
}

/// A client's TLS goes through as it is, to the service that it asks for.
void add_server_name_chains(const OutboundPort& port, const MeshView& view, Listener& listener) {
  if (port.tls.empty()) return;
  inspect_tls(listener);
  for (const MeshService* service : port.tls) {
    FilterChain& chain = *listener.add_filter_chains();
    chain.set_name(outbound_cluster_name(port.number, "", service->host));
    chain.mutable_filter_chain_match()->set_transport_protocol("tls");
    for (const std::string& name : host_aliases(service->host, view.node().ns)) {
      chain.mutable_filter_chain_match()->add_server_names(name);
    }
    add_tcp_chain(*service, port.number, view, chain);
  }
}

/// What an inbound port hands to the application: requests, or bytes.
void add_inbound_filter(const InboundPort& inbound, const MeshView& view, FilterChain& chain) {
  const auto& [service, port] = inbound.services.front();
  if (port->is_http()) return add_filter(inbound_manager(inbound, view.node()), chain);
  const MergedRule* rule = view.registry().find_rule(service->host, view.node().ns);
  const std::string cluster = inbound_name(inbound.port);
  add_filter(tcp_proxy(cluster, cluster, effective_policy(rule, nullptr, port->number)), chain);
}

/// Clients that speak the mesh's mutual TLS say so by these words of Istio's.
void match_mesh_clients(FilterChain& chain) {
  auto& match = *chain.mutable_filter_chain_match();
  match.set_transport_protocol("tls");
  for (const char* word : {"istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"}) {
    match.add_application_protocols(word);
  }
}

}  // namespace

Listener build_outbound_listener(const OutboundPort& port, const MeshView& view) {
  Listener listener = empty_listener(view.node().outbound_address, port.number);
  listener.set_traffic_direction(envoy::config::core::v3::TrafficDirection::OUTBOUND);
  add_server_name_chains(port, view, listener);
  if (!port.http.empty()) {
    add_filter(outbound_manager(port, view.node()), *listener.add_filter_chains());
  } else if (!port.tcp.empty()) {
    add_tcp_chain(*port.tcp.front(), port.number, view, *listener.add_filter_chains());
  }
  return listener;
}

Listener build_inbound_listener(const InboundPort& inbound, const MeshView& view, MtlsMode mode) {
  Listener listener = empty_listener(view.node().ip, inbound.port);
  listener.set_traffic_direction(envoy::config::core::v3::TrafficDirection::INBOUND);
  if (mode == MtlsMode::kStrict || mode == MtlsMode::kPermissive) {
    FilterChain& chain = *listener.add_filter_chains();
    chain.set_name(listener.name() + "_mtls");
    if (mode == MtlsMode::kPermissive) {
      inspect_tls(listener);
      match_mesh_clients(chain);
    }
    set_inbound_tls(view.registry().settings().trust_domain, *chain.mutable_transport_socket());
    add_inbound_filter(inbound, view, chain);
  }
  if (mode == MtlsMode::kDisable || mode == MtlsMode::kPermissive) {
    FilterChain& chain = *listener.add_filter_chains();
    // HTTP is plain text or the mesh's TLS; bytes may be TLS between the applications.
    const bool http = inbound.services.front().second->is_http();
    if (mode == MtlsMode::kPermissive) {
      chain.set_name(listener.name() + "_plain");
      if (http) chain.mutable_filter_chain_match()->set_transport_protocol("raw_buffer");
    }
    add_inbound_filter(inbound, view, chain);
  }
  return listener;
}

}  // namespace remora::istio
