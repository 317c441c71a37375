#include "istio/build/filters.h"

#include <google/protobuf/util/json_util.h>

#include "api/istio_stats.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "envoy/extensions/filters/http/grpc_stats/v3/config.pb.h"
#include "envoy/extensions/filters/http/jwt_authn/v3/config.pb.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.pb.h"
#include "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.pb.h"
#include "istio/build/jwt.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
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

void add_http_filter(const char* name, const google::protobuf::Message& config,
                     HttpConnectionManager& manager) {
  auto& filter = *manager.add_http_filters();
  filter.set_name(name);
  *filter.mutable_typed_config() = pack(config);
}

/// Those that a VirtualService's routes speak to. Inbound there are none.
void add_route_filters(HttpConnectionManager& manager) {
  add_http_filter(kFaultFilter, envoy::extensions::filters::http::fault::v3::HTTPFault(), manager);
  add_http_filter(kCorsFilter, envoy::extensions::filters::http::cors::v3::Cors(), manager);
}

/// Before all that looks at the route: what is missing is asked for over the proxy's own stream.
void add_on_demand(HttpConnectionManager& manager) {
  envoy::extensions::filters::http::on_demand::v3::OnDemand config;
  auto& source = *config.mutable_odcds()->mutable_source();
  source.mutable_ads();
  source.set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
  add_http_filter("envoy.filters.http.on_demand", config, manager);
}

void add_http_filters(Direction direction, const HttpChain& http, const ProxyNode& node,
                      HttpConnectionManager& manager) {
  if (!node.plain_envoy) {
    auto& exchange = *manager.add_http_filters();
    exchange.set_name("istio.metadata_exchange");
    *exchange.mutable_typed_config() = peer_metadata(direction);
  }
  if (!http.jwt_rules.empty()) {
    add_http_filter(kJwtFilter, build_jwt_filter(http.jwt_rules, http.routes_by_claims), manager);
  }
  if (http.grpc) add_grpc_stats(manager);
  if (direction == Direction::kOutbound && node.on_demand) add_on_demand(manager);
  if (direction == Direction::kOutbound) add_route_filters(manager);
  if (!node.plain_envoy) {
    auto& stats = *manager.add_http_filters();
    stats.set_name("istio.stats");
    *stats.mutable_typed_config() = stats_config(direction);
  }
  auto& router = *manager.add_http_filters();
  router.set_name("envoy.filters.http.router");
  *router.mutable_typed_config() = pack(envoy::extensions::filters::http::router::v3::Router());
}

HttpConnectionManager connection_manager(Direction direction, const HttpChain& http, const ProxyNode& node) {
  HttpConnectionManager manager;
  manager.set_stat_prefix(http.stat_prefix);
  manager.mutable_stream_idle_timeout();  // zero: Istio leaves it to the application
  manager.mutable_use_remote_address()->set_value(false);
  manager.mutable_normalize_path()->set_value(true);
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::KEEP_UNCHANGED);
  manager.add_upgrade_configs()->set_upgrade_type("websocket");
  add_http_filters(direction, http, node, manager);
  return manager;
}

void add_network_filter(const char* name, const google::protobuf::Message& config, FilterChain& chain) {
  auto& filter = *chain.add_filters();
  filter.set_name(name);
  *filter.mutable_typed_config() = pack(config);
}

void add_listener_filter(const char* name, const google::protobuf::Message& config, Listener& listener) {
  auto& filter = *listener.add_listener_filters();
  filter.set_name(name);
  *filter.mutable_typed_config() = pack(config);
}

/// By a table that comes over the proxy's own stream, waited for as long as it takes.
void route_by(const std::string& table, HttpConnectionManager& manager) {
  auto& rds = *manager.mutable_rds();
  rds.set_route_config_name(table);
  rds.mutable_config_source()->mutable_ads();
  rds.mutable_config_source()->mutable_initial_fetch_timeout();  // zero
  rds.mutable_config_source()->set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
}

constexpr const char* kConnectionManager = "envoy.filters.network.http_connection_manager";

}  // namespace

void add_outbound_http(const HttpChain& http, const std::string& route_table, const ProxyNode& node,
                       FilterChain& chain) {
  auto manager = connection_manager(Direction::kOutbound, http, node);
  route_by(route_table, manager);
  add_network_filter(kConnectionManager, manager, chain);
}

void add_gateway_http(HttpChain http, const std::string& route_table, const ProxyNode& node,
                      FilterChain& chain) {
  http.routes_by_claims = true;
  auto manager = connection_manager(Direction::kOutbound, http, node);
  manager.set_server_name("istio-envoy");
  // The mesh begins here: what clients say of themselves and of others on their way does not count.
  manager.mutable_use_remote_address()->set_value(true);
  manager.set_forward_client_cert_details(HttpConnectionManager::SANITIZE_SET);
  auto& details = *manager.mutable_set_current_client_cert_details();
  details.mutable_subject()->set_value(true);
  details.set_cert(true);
  details.set_dns(true);
  details.set_uri(true);
  route_by(route_table, manager);
  add_network_filter(kConnectionManager, manager, chain);
}

void add_inbound_http(const HttpChain& http, const envoy::config::route::v3::RouteConfiguration& routes,
                      const ProxyNode& node, FilterChain& chain) {
  auto manager = connection_manager(Direction::kInbound, http, node);
  manager.set_server_name("istio-envoy");
  // Whom mutual TLS has shown, the application can read.
  manager.set_forward_client_cert_details(HttpConnectionManager::APPEND_FORWARD);
  auto& details = *manager.mutable_set_current_client_cert_details();
  details.mutable_subject()->set_value(true);
  details.set_dns(true);
  details.set_uri(true);
  *manager.mutable_route_config() = routes;
  add_network_filter(kConnectionManager, manager, chain);
}

void add_tcp(const std::string& stat_prefix, const std::vector<ClusterShare>& clusters,
             const PolicySettings& policy, FilterChain& chain) {
  TcpProxy proxy;
  proxy.set_stat_prefix(stat_prefix);
  if (clusters.size() == 1) {
    proxy.set_cluster(clusters.front().cluster);
  } else {
    for (const ClusterShare& share : clusters) {
      auto& choice = *proxy.mutable_weighted_clusters()->add_clusters();
      choice.set_name(share.cluster);
      choice.set_weight(share.weight);
    }
  }
  if (policy.connection_pool && policy.connection_pool->tcp_idle_timeout) {
    set_duration(*policy.connection_pool->tcp_idle_timeout, *proxy.mutable_idle_timeout());
  }
  if (policy.connection_pool && policy.connection_pool->max_connection_duration) {
    set_duration(*policy.connection_pool->max_connection_duration,
                 *proxy.mutable_max_downstream_connection_duration());
  }
  // Of what can be hashed, a connection has its address only.
  const auto& hash = policy.consistent_hash;
  if (hash && hash->key == ConsistentHash::Key::kSourceIp && hash->use_source_ip)
    proxy.add_hash_policy()->mutable_source_ip();
  add_network_filter("envoy.filters.network.tcp_proxy", proxy, chain);
}

Listener empty_listener(const std::string& address, uint16_t port) {
  Listener listener;
  listener.set_name(listener_name(address, port));
  set_socket_address(address, port, *listener.mutable_address());
  return listener;
}

void inspect_tls(Listener& listener) {
  add_listener_filter("envoy.filters.listener.tls_inspector",
                      envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector(), listener);
}

void inspect_http(Listener& listener) {
  add_listener_filter("envoy.filters.listener.http_inspector",
                      envoy::extensions::filters::listener::http_inspector::v3::HttpInspector(), listener);
}

const std::vector<std::string>& mesh_http_words() {
  static const std::vector<std::string> kWords{"istio-http/1.0", "istio-http/1.1", "istio-h2"};
  return kWords;
}

const std::vector<std::string>& mesh_words() {
  static const std::vector<std::string> kWords{"istio", "istio-peer-exchange", "istio-http/1.0",
                                               "istio-http/1.1", "istio-h2"};
  return kWords;
}

}  // namespace remora::istio
