#include "istio/build/grpc.h"

#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h"
#include "istio/build/call_names.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/service_clusters.h"

namespace remora::istio {
namespace {

using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;

Listener channel_listener(const std::string& name, const std::string& table) {
  HttpConnectionManager manager;
  auto& rds = *manager.mutable_rds();
  rds.set_route_config_name(table);
  rds.mutable_config_source()->mutable_ads();
  rds.mutable_config_source()->set_resource_api_version(envoy::config::core::v3::ApiVersion::V3);
  auto& router = *manager.add_http_filters();
  router.set_name("envoy.filters.http.router");
  *router.mutable_typed_config() = pack(envoy::extensions::filters::http::router::v3::Router());
  Listener listener;
  listener.set_name(name);
  *listener.mutable_api_listener()->mutable_api_listener() = pack(manager);
  return listener;
}

/// gRPC refuses a table that tells filters something which it does not have.
void leave_out_filters(RouteConfiguration& table, Layout& layout) {
  for (auto& host : *table.mutable_virtual_hosts()) {
    for (auto& route : *host.mutable_routes()) {
      if (route.typed_per_filter_config().empty()) continue;
      layout.notes.emplace_back(
          "route table " + table.name() + " route " + route.name(),
          "says something to HTTP filters, which a gRPC client does not have: it is left out");
      route.clear_typed_per_filter_config();
    }
  }
}

/// Where a rule says who keeps which endpoint, which gRPC would need a ring for.
void note_hashes(const MeshService& service, const MeshView& view, Layout& layout) {
  for_each_cluster(service, view, [&](const ClusterParts& parts) {
    if (!effective_policy(parts.rule, parts.subset, parts.port.number).consistent_hash) return;
    layout.notes.emplace_back(
        "cluster " + cluster_name(parts),
        "its rule's consistentHash has no effect for a gRPC client: its endpoints are taken in turn");
  });
}

}  // namespace

Layout build_grpc_outbound(const MeshView& view) {
  Layout layout;
  for (const MeshService* service : view.services()) {
    note_hashes(*service, view, layout);
    for (const MeshPort& port : service->ports) {
      if (!port.carried() || !port.is_http()) continue;
      RouteConfiguration table = build_sniffed_routes(*service, port.number, view);
      leave_out_filters(table, layout);
      for (const std::string& name : names_of(*service, view.node().ns)) {
        layout.listeners.push_back(channel_listener(name + ':' + std::to_string(port.number), table.name()));
      }
      layout.routes.push_back(std::move(table));
    }
  }
  return layout;
}

}  // namespace remora::istio
