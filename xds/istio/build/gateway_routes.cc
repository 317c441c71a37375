#include <algorithm>
#include <map>

#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/gateway.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;

/// Virtual hosts under construction, one for each name. Several VirtualServices may add to one.
class Hosts {
 public:
  VirtualHost& of(const std::string& host, uint16_t port) {
    const auto [place, fresh] = place_.emplace(host, hosts_.size());
    if (fresh) {
      VirtualHost& made = hosts_.emplace_back();
      made.set_name(host + ':' + std::to_string(port));
      made.add_domains(host);
      made.set_include_request_attempt_count(true);
    }
    return hosts_[place->second];
  }

  void move_to(RouteConfiguration& config) {
    for (VirtualHost& host : hosts_) {
      put_last_what_takes_everything(host);
      *config.add_virtual_hosts() = std::move(host);
    }
  }

 private:
  /// The routes of one VirtualService keep their order; but one that takes every request must not hide those
  /// of another.
  static void put_last_what_takes_everything(VirtualHost& host) {
    std::vector<Route> routes(host.routes().begin(), host.routes().end());
    std::stable_partition(routes.begin(), routes.end(),
                          [](const Route& route) { return !takes_everything(route.match()); });
    host.clear_routes();
    for (Route& route : routes) *host.add_routes() = std::move(route);
  }

  std::vector<VirtualHost> hosts_;
  std::map<std::string, size_t> place_;
};

void add_server(const BoundServer& bound, const MeshView& view, Hosts& hosts) {
  const GatewayServer& server = *bound.server;
  for (const Resource* resource : routed_by(bound, view)) {
    const auto names = common_hosts(bound, *resource);
    if (names.empty()) continue;
    const auto routes = build_routes(*resource, server.port, view, bound.gateway_id());
    if (routes.empty()) continue;
    for (const std::string& name : names) {
      VirtualHost& host = hosts.of(name, server.port);
      for (const Route& route : routes) *host.add_routes() = route;
      if (server.tls.https_redirect) host.set_require_tls(VirtualHost::ALL);
    }
  }
  if (!server.tls.https_redirect) return;
  // Also for hosts that nothing routes here: where they are routed, it is over TLS.
  for (const auto& entry : server.hosts)
    hosts.of(entry.second, server.port).set_require_tls(VirtualHost::ALL);
}

}  // namespace

std::string gateway_table_name(const BoundServer& bound, uint16_t number) {
  const GatewayServer& server = *bound.server;
  const std::string bind = server.bind.empty() ? "" : '.' + server.bind;
  if (server.is_plain_http()) return "http." + std::to_string(number) + bind;
  return "https." + std::to_string(server.port) + '.' + server.name + '.' + bound.gateway->name + '.' +
         bound.gateway->ns + bind;
}

RouteConfiguration build_gateway_routes(const std::string& name, const std::vector<BoundServer>& servers,
                                        const MeshView& view) {
  RouteConfiguration config;
  config.set_name(name);
  config.mutable_validate_clusters()->set_value(false);
  config.set_ignore_port_in_host_matching(true);
  config.mutable_max_direct_response_body_size_bytes()->set_value(1024 * 1024);
  Hosts hosts;
  for (const BoundServer& bound : servers) add_server(bound, view, hosts);
  hosts.move_to(config);
  if (config.virtual_hosts_size() > 0) return config;
  VirtualHost& nothing = *config.add_virtual_hosts();
  nothing.set_name("blackhole:" + std::to_string(servers.front().server->port));
  nothing.add_domains("*");
  return config;
}

}  // namespace remora::istio
