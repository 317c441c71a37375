#include <fmt/format.h>

#include "remora/config/route_search.h"
#include "translate/field_check.h"
#include "translate/header_mutations.h"
#include "translate/route.h"
#include "translate/route_tree.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

VirtualHost::RequireTls to_require_tls(envoy::config::route::v3::VirtualHost::TlsRequirementType type) {
  using Proto = envoy::config::route::v3::VirtualHost;
  switch (type) {
    case Proto::ALL: return VirtualHost::RequireTls::kAll;
    case Proto::EXTERNAL_ONLY: return VirtualHost::RequireTls::kExternalOnly;
    default: return VirtualHost::RequireTls::kNone;
  }
}

RouteConfig to_route_config(const envoy::config::route::v3::RouteConfiguration& config, Context& context) {
  RouteConfig out;
  out.name = config.name();
  out.request_headers = to_request_mutations(config, context);
  out.response_headers = to_response_mutations(config, context);
  for (const auto& name : config.internal_only_headers()) out.internal_only_headers.push_back(lower(name));
  out.ignore_port_in_host = config.ignore_port_in_host_matching();
  out.ignore_path_parameters = config.ignore_path_parameters_in_path_matching();
  out.vhost_header = lower(config.vhost_header());
  out.most_specific_mutations_win = config.most_specific_header_mutations_wins();
  out.mirrors = to_mirrors(config.request_mirror_policies(), context);
  out.filters.overrides = to_filter_overrides(config.typed_per_filter_config(), context);

  RouteLimits limits;
  if (config.has_max_direct_response_body_size_bytes()) {
    limits.max_direct_response_body = config.max_direct_response_body_size_bytes().value();
  }
  out.virtual_hosts.reserve(static_cast<size_t>(config.virtual_hosts_size()));
  for (int i = 0; i < config.virtual_hosts_size(); ++i) {
    const auto scope = context.in("virtual_hosts", i);
    out.virtual_hosts.push_back(to_virtual_host(config.virtual_hosts(i), limits, context));
  }
  return out;
}

/// Calls `visit(cluster, context)` at the place of each cluster that an action names.
template <typename Visit>
void each_cluster(const Route& route, Context& context, const Visit& visit) {
  if (route.action != Route::Action::kForward) return;
  const auto scope = context.in("route");
  if (route.forward.target == RouteAction::Target::kCluster) {
    const auto field = context.in("cluster");
    visit(route.forward.cluster);
  }
  for (size_t i = 0; i < route.forward.weighted.size(); ++i) {
    const auto weighted = context.in("weighted_clusters");
    const auto field = context.in("clusters", static_cast<int>(i));
    if (!route.forward.weighted[i].name.empty()) visit(route.forward.weighted[i].name);
  }
  for (size_t i = 0; i < route.forward.mirrors.size(); ++i) {
    const auto field = context.in("request_mirror_policies", static_cast<int>(i));
    if (!route.forward.mirrors[i].cluster.empty()) visit(route.forward.mirrors[i].cluster);
  }
}

/// Names routes that no request can reach. Many of them are one mistake: the first ones tell of it.
void warn_of_shadowed(const RouteTable& table, Context& context) {
  constexpr size_t kMostTold = 100;
  size_t left = kMostTold;
  const auto& hosts = table.config().virtual_hosts;
  for (size_t h = 0; h < hosts.size() && left > 0; ++h) {
    const auto host = context.in("virtual_hosts", static_cast<int>(h));
    for (const ShadowedRoute& shadowed : table.shadowed(h)) {
      const std::string earlier = place_of(hosts[h], shadowed.by);
      const std::string later = place_of(hosts[h], shadowed.position);
      const auto route = context.in(later);
      context.warning(fmt::format(
          "can never match: {} ({}) comes first and takes every request that this one ({}) could take",
          earlier, to_string(hosts[h].routes[shadowed.by].match),
          to_string(hosts[h].routes[shadowed.position].match)));
      if (--left == 0) break;
    }
  }
}

/// What holds for the routes of a virtual host.
RouteLimits limits_in(const envoy::config::route::v3::VirtualHost& host, RouteLimits limits) {
  limits.virtual_host = host.name();
  if (host.has_request_body_buffer_limit()) {
    limits.body_buffer_limit = host.request_body_buffer_limit().value();
  } else if (host.has_per_request_buffer_limit_bytes()) {
    limits.body_buffer_limit = host.per_request_buffer_limit_bytes().value();
  }
  return limits;
}

}  // namespace

VirtualHost to_virtual_host(const envoy::config::route::v3::VirtualHost& host, const RouteLimits& limits,
                            Context& context) {
  VirtualHost out;
  out.name = host.name();
  for (const auto& domain : host.domains()) out.domains.push_back(lower(domain));
  out.require_tls = to_require_tls(host.require_tls());
  out.request_headers = to_request_mutations(host, context);
  out.response_headers = to_response_mutations(host, context);
  out.include_attempt_count_in_request = host.include_request_attempt_count();
  out.include_attempt_count_in_response = host.include_attempt_count_in_response();
  if (host.has_retry_policy()) {
    const auto scope = context.in("retry_policy");
    out.retry = std::make_shared<const RetryPolicy>(to_retry_policy(host.retry_policy(), context));
  }
  out.mirrors = to_mirrors(host.request_mirror_policies(), context);
  out.filters.overrides = to_filter_overrides(host.typed_per_filter_config(), context);
  out.virtual_clusters = to_virtual_clusters(host, context);
  const RouteLimits inside = limits_in(host, limits);
  out.routes.reserve(static_cast<size_t>(host.routes_size()));
  for (int i = 0; i < host.routes_size(); ++i) {
    const auto scope = context.in("routes", i);
    out.routes.push_back(to_route(host.routes(i), inside, context));
  }
  set_route_tree(host, inside, context, out);
  return out;
}

void check_clusters_exist(const RouteConfig& config, Context& context) {
  const auto& has_cluster = context.environment().has_cluster;
  if (!has_cluster) return;
  for (size_t h = 0; h < config.virtual_hosts.size(); ++h) {
    const auto host = context.in("virtual_hosts", static_cast<int>(h));
    if (config.virtual_hosts[h].tree != nullptr) continue;  // Envoy does not ask it of those
    for (size_t r = 0; r < config.virtual_hosts[h].routes.size(); ++r) {
      const auto route = context.in("routes", static_cast<int>(r));
      each_cluster(config.virtual_hosts[h].routes[r], context, [&](const std::string& cluster) {
        if (!has_cluster(cluster)) context.error("there is no cluster '" + cluster + "'");
      });
    }
  }
}

std::shared_ptr<const RouteTable> translate_routes(const envoy::config::route::v3::RouteConfiguration& config,
                                                   std::string version, bool validate_clusters,
                                                   Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(config, context);
  RouteConfig out = to_route_config(config, context);
  out.version = std::move(version);
  if (config.has_validate_clusters() ? config.validate_clusters().value() : validate_clusters) {
    check_clusters_exist(out, context);
  }
  if (context.report().error_count() != errors_before) return nullptr;
  auto table = RouteTable::compile(std::move(out));
  if (!table.ok()) {
    context.error(table.error().message);
    return nullptr;
  }
  warn_of_shadowed(**table, context);
  return std::move(*table);
}

}  // namespace remora::xds
