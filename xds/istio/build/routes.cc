#include <algorithm>
#include <set>

#include "envoy/config/route/v3/route.pb.h"
#include "istio/build/call_names.h"
#include "istio/build/names.h"
#include "istio/build/proto_util.h"
#include "istio/build/sticky.h"
#include "istio/build/translate.h"
#include "istio/build/virtual_hosts.h"
#include "istio/model/hosts.h"

namespace remora::istio {
namespace {

using envoy::config::route::v3::Route;
using envoy::config::route::v3::RouteConfiguration;
using envoy::config::route::v3::VirtualHost;

/// Whether the client's side of the match holds for this proxy; such conditions never reach the proxy itself.
bool source_matches(const HttpMatch& match, uint16_t port, const ProxyNode& node, const std::string& ns,
                    const std::string& gateway) {
  if (match.port && *match.port != port) return false;
  if (!match.gateways.empty()) return names_gateway(match.gateways, ns, gateway);
  if (!match.source_namespace.empty() && match.source_namespace != node.ns) return false;
  return labels_match(match.source_labels, node.labels);
}

/// Ours: an Envoy takes it and does not look at it.
void set_shadow_compare(ShadowCompare compare, Route& route) {
  auto& ours = (*route.mutable_metadata()->mutable_filter_metadata())["remora"];
  auto& shadow = *(*ours.mutable_fields())["shadow"].mutable_struct_value();
  auto& how = *(*shadow.mutable_fields())["compare"].mutable_struct_value();
  if (compare == ShadowCompare::kBody) (*how.mutable_fields())["body"].set_bool_value(true);
}

Route build_route(const HttpRoute& http, const HttpMatch& match, const Resource& owner, uint16_t port,
                  const MeshView& view) {
  Route route;
  route.set_name(match.name.empty() ? http.name : http.name + '.' + match.name);
  apply_route_match(match, *route.mutable_match());
  auto& metadata = istio_metadata(*route.mutable_metadata());
  (*metadata.mutable_fields())["config"].set_string_value(config_path(owner));
  if (owner.shadow_compare != ShadowCompare::kOff && !http.mirrors.empty())
    set_shadow_compare(owner.shadow_compare, route);
  if (!match.stat_prefix.empty()) route.set_stat_prefix(match.stat_prefix);
  apply_route_action(http, owner, port, view, route);
  apply_route_filters(http, route);
  return route;
}

RouteConfiguration empty_table(std::string name) {
  RouteConfiguration config;
  config.set_name(std::move(name));
  config.mutable_validate_clusters()->set_value(false);
  config.mutable_max_direct_response_body_size_bytes()->set_value(1024 * 1024);
  return config;
}

/// Virtual hosts under construction: a domain may stand in a table once, and the first to ask for it has it.
class Table {
 public:
  Table(std::string name, uint16_t port) : port_(port), config_(empty_table(std::move(name))) {
    config_.set_ignore_port_in_host_matching(true);
  }

  void add(const std::string& host, const std::vector<std::string>& domains, std::vector<Route> routes) {
    VirtualHost virtual_host;
    virtual_host.set_name(host + ':' + std::to_string(port_));
    for (const std::string& domain : domains) {
      if (used_.insert(domain).second) virtual_host.add_domains(domain);
    }
    if (virtual_host.domains_size() == 0) return;
    virtual_host.set_include_request_attempt_count(true);
    for (Route& route : routes) *virtual_host.add_routes() = std::move(route);
    *config_.add_virtual_hosts() = std::move(virtual_host);
  }

  /// Requests to hosts that the mesh does not know go to the cluster `unknown`; "": they are refused.
  RouteConfiguration finish(const std::string& unknown) {
    if (used_.contains("*")) return std::move(config_);
    VirtualHost& rest = *config_.add_virtual_hosts();
    const Route& route = *rest.add_routes() = build_unknown_route(unknown);
    rest.set_name(route.name());
    rest.add_domains("*");
    if (!unknown.empty()) rest.set_include_request_attempt_count(true);
    return std::move(config_);
  }

 private:
  uint16_t port_;
  RouteConfiguration config_;
  std::set<std::string> used_;
};

std::vector<std::string> domains_of(const MeshService& service, const ProxyNode& node) {
  std::vector<std::string> domains = names_of(service, node.ns);
  if (service.headless && node.intercepted()) {
    // Its pods have names of their own, and the connection is going to the one that is meant.
    for (size_t i = 0, count = domains.size(); i < count; ++i) domains.push_back("*." + domains[i]);
  }
  for (const std::string& address : service.addresses) {
    if (!is_ip_address(address)) continue;
    domains.push_back(address.find(':') == std::string::npos ? address : '[' + address + ']');
  }
  return domains;
}

RouteConfiguration inbound_table(const std::string& cluster, uint16_t service_port) {
  RouteConfiguration config;
  config.set_name(cluster);
  config.mutable_validate_clusters()->set_value(false);
  auto& virtual_host = *config.add_virtual_hosts();
  virtual_host.set_name("inbound|http|" + std::to_string(service_port));
  virtual_host.add_domains("*");
  *virtual_host.add_routes() = build_inbound_route(cluster);
  return config;
}

}  // namespace

/// Without interception nobody knows where a connection was going; where the Sidecar says it goes, everybody.
std::string cluster_of_unknown_hosts(const MeshView& view) {
  std::string cluster = view.unknown_cluster();
  const bool known =
      cluster != kBlackHoleCluster && (view.node().intercepted() || cluster != kPassthroughCluster);
  return known ? cluster : "";
}

bool takes_everything(const envoy::config::route::v3::RouteMatch& match) {
  const bool any_path = match.prefix() == "/" || match.safe_regex().regex() == ".*";
  return any_path && match.headers_size() == 0 && match.query_parameters_size() == 0 &&
         match.dynamic_metadata_size() == 0;
}

bool names_gateway(const std::vector<std::string>& gateways, const std::string& ns,
                   const std::string& gateway) {
  return std::ranges::any_of(gateways,
                             [&](const std::string& name) { return resolve_gateway(name, ns) == gateway; });
}

std::vector<Route> build_routes(const Resource& virtual_service, uint16_t port, const MeshView& view,
                                const std::string& gateway) {
  static const HttpMatch kEverything;
  std::vector<Route> routes;
  const auto& service = std::get<VirtualService>(virtual_service.spec);
  const auto add = [&](Route route) {
    if (!service.sticky) return routes.push_back(std::move(route));
    for (Route& part : stick(*service.sticky, std::move(route))) routes.push_back(std::move(part));
  };
  for (const HttpRoute& http : service.http) {
    if (http.match.empty()) {
      add(build_route(http, kEverything, virtual_service, port, view));
      return routes;
    }
    for (const HttpMatch& match : http.match) {
      if (!source_matches(match, port, view.node(), virtual_service.ns, gateway)) continue;
      add(build_route(http, match, virtual_service, port, view));
      if (takes_everything(routes.back().match())) return routes;
    }
  }
  return routes;
}

std::vector<Route> build_service_routes(const MeshService& service, uint16_t port, const MeshView& view) {
  const Resource* owner = view.virtual_service_for(service.host);
  // One with routes for other protocols only leaves requests where they are going.
  if (owner != nullptr && !std::get<VirtualService>(owner->spec).http.empty()) {
    return build_routes(*owner, port, view);
  }
  return {build_default_route(service.host, port, consistent_hash_of(service.host, "", port, view))};
}

Route build_unknown_route(const std::string& cluster) {
  Route route;
  route.set_name(cluster.empty() ? "block_all" : "allow_any");
  route.mutable_match()->set_prefix("/");
  if (!cluster.empty()) {
    route.mutable_route()->set_cluster(cluster);
    route.mutable_route()->mutable_timeout();
  } else {
    route.mutable_direct_response()->set_status(502);
  }
  return route;
}

Route build_default_route(const std::string& host, uint16_t port, const std::optional<ConsistentHash>& hash) {
  Route route;
  route.set_name("default");
  route.mutable_match()->set_prefix("/");
  auto& action = *route.mutable_route();
  action.set_cluster(outbound_cluster_name(port, "", host));
  action.mutable_timeout();
  apply_retry_policy(std::nullopt, false, action);
  add_hash_policy(hash, action);
  return route;
}

Route build_inbound_route(const std::string& cluster) {
  Route route;
  route.set_name("default");
  route.mutable_match()->set_prefix("/");
  auto& action = *route.mutable_route();
  action.set_cluster(cluster);
  action.mutable_timeout();
  // The application closing an idle connection just as a request leaves is nobody's failure.
  action.mutable_retry_policy()->set_retry_on("reset-before-request");
  action.mutable_retry_policy()->mutable_num_retries()->set_value(2);
  return route;
}

RouteConfiguration build_route_configuration(uint16_t port, const std::vector<const MeshService*>& services,
                                             const MeshView& view) {
  if (view.node().on_demand) {
    // Names are the clients' own words, port and all: see asked.h.
    auto asked = empty_table(std::to_string(port));
    ask_for_virtual_hosts(asked);
    return asked;
  }
  Table table(std::to_string(port), port);
  for (const MeshService* service : services) {
    table.add(service->host, domains_of(*service, view.node()), build_service_routes(*service, port, view));
  }
  if (port == kServicelessPort) {
    for (const auto& [host, owner] : view.serviceless_hosts()) {
      table.add(host, host_aliases(host, view.node().ns), build_routes(*owner, port, view));
    }
  }
  return table.finish(cluster_of_unknown_hosts(view));
}

RouteConfiguration build_sniffed_routes(const MeshService& service, uint16_t port, const MeshView& view) {
  Table table(sniffed_table_name(service.host, port), port);
  table.add(service.host, {"*"}, build_service_routes(service, port, view));
  return table.finish("");
}

RouteConfiguration build_inbound_route_configuration(const InboundPort& inbound) {
  return inbound_table(inbound_name(inbound.port), inbound.services.front().second->number);
}

RouteConfiguration build_inbound_passthrough_routes() { return inbound_table(kInboundPassthroughCluster, 0); }

}  // namespace remora::istio
