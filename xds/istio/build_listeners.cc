#include <google/protobuf/util/json_util.h>

#include "api/istio_stats.pb.h"
#include "envoy/config/listener/v3/listener.pb.h"
#include "envoy/config/route/v3/route.pb.h"
#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "istio/names.h"
#include "istio/proto_util.h"
#include "istio/translate.h"
#include "udpa/type/v1/typed_struct.pb.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::Listener;
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

void add_http_filters(Direction direction, const ProxyNode& node, HttpConnectionManager& manager) {
  if (!node.plain_envoy) {
    auto& exchange = *manager.add_http_filters();
    exchange.set_name("istio.metadata_exchange");
    *exchange.mutable_typed_config() = peer_metadata(direction);
    auto& stats = *manager.add_http_filters();
    stats.set_name("istio.stats");
    *stats.mutable_typed_config() = stats_config(direction);
  }
  auto& router = *manager.add_http_filters();
  router.set_name("envoy.filters.http.router");
  *router.mutable_typed_config() = pack(envoy::extensions::filters::http::router::v3::Router());
}

HttpConnectionManager connection_manager(Direction direction, const std::string& stat_prefix,
                                         const ProxyNode& node) {
  HttpConnectionManager manager;
  manager.set_stat_prefix(stat_prefix);
  manager.mutable_stream_idle_timeout();  // zero: Istio leaves it to the application
  manager.mutable_use_remote_address()->set_value(false);
  manager.mutable_normalize_path()->set_value(true);
  manager.set_path_with_escaped_slashes_action(HttpConnectionManager::KEEP_UNCHANGED);
  manager.add_upgrade_configs()->set_upgrade_type("websocket");
  add_http_filters(direction, node, manager);
  return manager;
}

Listener listener(const std::string& address, uint16_t port, const HttpConnectionManager& manager) {
  Listener listener;
  listener.set_name(listener_name(address, port));
  set_socket_address(address, port, *listener.mutable_address());
  auto& filter = *listener.add_filter_chains()->add_filters();
  filter.set_name("envoy.filters.network.http_connection_manager");
  *filter.mutable_typed_config() = pack(manager);
  return listener;
}

}  // namespace

Listener build_outbound_listener(uint16_t port, const ProxyNode& node) {
  auto manager = connection_manager(Direction::kOutbound,
                                    "outbound_" + listener_name(node.outbound_address, port), node);
  auto& rds = *manager.mutable_rds();
  rds.set_route_config_name(std::to_string(port));
  rds.mutable_config_source()->mutable_ads();
  rds.mutable_config_source()->mutable_initial_fetch_timeout();  // zero: wait for as long as it takes
  rds.mutable_config_source()->set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
  Listener result = listener(node.outbound_address, port, manager);
  result.set_traffic_direction(envoy::config::core::v3::TrafficDirection::OUTBOUND);
  return result;
}

Listener build_inbound_listener(const InboundPort& inbound, const ProxyNode& node) {
  auto manager =
      connection_manager(Direction::kInbound, "inbound_" + listener_name(node.ip, inbound.port), node);
  manager.set_server_name("istio-envoy");
  *manager.mutable_route_config() = build_inbound_route_configuration(inbound);
  Listener result = listener(node.ip, inbound.port, manager);
  result.set_traffic_direction(envoy::config::core::v3::TrafficDirection::INBOUND);
  return result;
}

}  // namespace remora::istio
