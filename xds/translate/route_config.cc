#include <absl/container/flat_hash_map.h>
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

/// All but the virtual hosts.
RouteConfig to_head(const envoy::config::route::v3::RouteConfiguration& config, Context& context) {
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
  out.vhds = config.has_vhds();
  return out;
}

/// Finds the virtual hosts of a table again by their bytes. Mostly they are where they were.
class KnownHosts {
 public:
  KnownHosts(const RouteTable* before, const RouteParts& parts) {
    if (before == nullptr || before->config().digest != parts.digest) return;
    hosts_ = &before->config().virtual_hosts;
  }

  [[nodiscard]] bool has_same_head() const { return hosts_ != nullptr; }

  /// Null: there is none. To be asked in order.
  std::shared_ptr<VirtualHost> find(uint64_t digest) {
    if (hosts_ == nullptr) return nullptr;
    if (next_ < hosts_->size() && (*hosts_)[next_].digest == digest) return hosts_->shared(next_++);
    if (by_digest_.empty()) {
      for (size_t i = next_; i < hosts_->size(); ++i) by_digest_.emplace((*hosts_)[i].digest, i);
    }
    const auto found = by_digest_.find(digest);
    // One that is changed in its place: what was behind it is still behind it.
    if (found == by_digest_.end()) return ++next_, nullptr;
    next_ = found->second + 1;
    return hosts_->shared(found->second);
  }

 private:
  const VirtualHosts* hosts_ = nullptr;
  size_t next_ = 0;
  absl::flat_hash_map<uint64_t, size_t> by_digest_;  // those behind the first that is not where it was
};

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

/// Names routes of the virtual hosts of these numbers that no request can reach. Many of them are one
/// mistake: the first ones tell of it.
void warn_of_shadowed(const RouteTable& table, const std::vector<size_t>& numbers, Context& context) {
  constexpr size_t kMostTold = 100;
  size_t left = kMostTold;
  const auto& hosts = table.config().virtual_hosts;
  for (const size_t h : numbers) {
    const auto host = context.in("virtual_hosts", static_cast<int>(h));
    for (const ShadowedRoute& shadowed : table.shadowed(h)) {
      if (left-- == 0) return;
      const std::string earlier = place_of(hosts[h], shadowed.by);
      const std::string later = place_of(hosts[h], shadowed.position);
      const auto route = context.in(later);
      context.warning(fmt::format(
          "can never match: {} ({}) comes first and takes every request that this one ({}) could take",
          earlier, to_string(hosts[h].routes[shadowed.by].match),
          to_string(hosts[h].routes[shadowed.position].match)));
    }
  }
}

/// The last step: `out` is translated but for errors that only the whole has. `fresh`: virtual hosts that
/// `before` has not.
std::shared_ptr<const RouteTable> finish(RouteConfig out, bool validate_clusters, const RouteTable* before,
                                         const std::vector<size_t>& fresh, size_t errors_before,
                                         Context& context) {
  if (validate_clusters) check_clusters_exist(out, context);
  if (context.report().error_count() != errors_before) return nullptr;
  auto table = RouteTable::compile(std::move(out), before);
  if (!table.ok()) {
    context.error(table.error().message);
    return nullptr;
  }
  warn_of_shadowed(**table, fresh, context);
  return std::move(*table);
}

bool validates_clusters(const envoy::config::route::v3::RouteConfiguration& head, bool otherwise) {
  return head.has_validate_clusters() ? head.validate_clusters().value() : otherwise;
}

/// Null: the bytes are no virtual host.
std::shared_ptr<VirtualHost> host_of_bytes(std::string_view bytes, const RouteLimits& limits,
                                           Context& context) {
  envoy::config::route::v3::VirtualHost proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    context.error("the bytes are not a valid " + proto.GetTypeName());
    return nullptr;
  }
  check_fields(proto, context);
  return std::make_shared<VirtualHost>(to_virtual_host(proto, limits, context));
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
  out.include_is_timeout_retry_header = host.include_is_timeout_retry_header();
  out.include_attempt_count_in_response = host.include_attempt_count_in_response();
  if (host.has_retry_policy()) {
    const auto scope = context.in("retry_policy");
    out.retry = std::make_shared<const RetryPolicy>(to_retry_policy(host.retry_policy(), context));
  }
  if (host.has_hedge_policy()) out.hedge = to_hedge_policy(host.hedge_policy());
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

RouteLimits::RouteLimits(const envoy::config::route::v3::RouteConfiguration& head) {
  if (head.has_max_direct_response_body_size_bytes())
    max_direct_response_body = head.max_direct_response_body_size_bytes().value();
}

std::shared_ptr<const RouteTable> translate_routes(const envoy::config::route::v3::RouteConfiguration& config,
                                                   std::string version, bool validate_clusters,
                                                   Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(config, context);
  if (config.has_vhds()) context.error("vhds", "is only implemented for routes that come over RDS");
  RouteConfig out = to_head(config, context);
  out.version = std::move(version);
  const RouteLimits limits(config);
  std::vector<size_t> all;
  out.virtual_hosts.reserve(static_cast<size_t>(config.virtual_hosts_size()));
  for (int i = 0; i < config.virtual_hosts_size(); ++i) {
    const auto scope = context.in("virtual_hosts", i);
    all.push_back(out.virtual_hosts.size());
    out.virtual_hosts.push_back(to_virtual_host(config.virtual_hosts(i), limits, context));
  }
  return finish(std::move(out), validates_clusters(config, validate_clusters), nullptr, all, errors_before,
                context);
}

std::shared_ptr<const RouteTable> translate_routes(const RouteParts& parts, RouteTableOptions options,
                                                   Context& context) {
  const size_t errors_before = context.report().error_count();
  check_fields(parts.head, context);
  RouteConfig out = to_head(parts.head, context);
  out.version = std::move(options.version);
  out.digest = parts.digest;
  KnownHosts known(options.before, parts);
  const RouteTable* const before = known.has_same_head() ? options.before : nullptr;
  // What virtual hosts that are taken over point to.
  if (before != nullptr) out.filters.overrides = before->config().filters.overrides;
  const RouteLimits limits(parts.head);
  std::vector<size_t> fresh;
  out.virtual_hosts.reserve(parts.hosts.size() + options.more.size());
  for (const RouteParts::Host& host : parts.hosts) {
    if (auto taken = known.find(host.digest)) {
      out.virtual_hosts.share(std::move(taken));
      continue;
    }
    const auto scope = context.in("virtual_hosts", static_cast<int>(out.virtual_hosts.size()));
    auto made = host_of_bytes(host.bytes, limits, context);
    if (made == nullptr) return nullptr;
    made->digest = host.digest;
    fresh.push_back(out.virtual_hosts.size());
    out.virtual_hosts.share(std::move(made));
  }
  for (auto& host : options.more) {
    if (host->index == nullptr) fresh.push_back(out.virtual_hosts.size());
    out.virtual_hosts.share(std::move(host));
  }
  return finish(std::move(out), validates_clusters(parts.head, options.validate_clusters), before, fresh,
                errors_before, context);
}

std::shared_ptr<VirtualHost> translate_virtual_host(std::string_view bytes,
                                                    const envoy::config::route::v3::RouteConfiguration& head,
                                                    Context& context) {
  const size_t errors_before = context.report().error_count();
  auto made = host_of_bytes(bytes, RouteLimits(head), context);
  return context.report().error_count() == errors_before ? made : nullptr;
}

}  // namespace remora::xds
