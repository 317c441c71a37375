#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "envoy/config/route/v3/route.pb.h"
#include "envoy/config/route/v3/route_components.pb.h"
#include "remora/config/route.h"
#include "remora/config/route_table.h"
#include "translate/context.h"
#include "translate/route_parts.h"

namespace remora::xds {

/// RouteConfiguration -> compiled table. The context stands at the message. Null after an error.
/// `validate_clusters`: whether routes must name clusters that exist when the message does not say (Envoy:
/// yes for inline configurations, no for RDS).
std::shared_ptr<const RouteTable> translate_routes(const envoy::config::route::v3::RouteConfiguration& config,
                                                   std::string version, bool validate_clusters,
                                                   Context& context);

/// What the table that is to be made follows, and what it holds besides its message.
struct RouteTableOptions {
  std::string version;
  bool validate_clusters = false;
  /// The version before; may be null. Virtual hosts with the same bytes are taken over from it, unless
  /// anything else of the message has changed.
  const RouteTable* before = nullptr;
  /// Virtual hosts that came on their own, behind the message's. Made by translate_virtual_host with the
  /// message's head.
  std::vector<std::shared_ptr<VirtualHost>> more;
};
/// The same from its bytes: the cost is that of the virtual hosts that `before` has not. Only what is new is
/// looked at for findings.
std::shared_ptr<const RouteTable> translate_routes(const RouteParts& parts, RouteTableOptions options,
                                                   Context& context);
/// A virtual host that comes on its own, for the table of that head. The context stands at the virtual host.
/// Null after an error.
std::shared_ptr<VirtualHost> translate_virtual_host(std::string_view bytes,
                                                    const envoy::config::route::v3::RouteConfiguration& head,
                                                    Context& context);

// The parts, each standing at its own message.

struct RouteLimits {
  explicit RouteLimits(const envoy::config::route::v3::RouteConfiguration& head);
  RouteLimits() = default;
  uint32_t max_direct_response_body = 4096;  // max_direct_response_body_size_bytes
  // Of the virtual host that the route is in.
  std::string virtual_host{};
  uint64_t body_buffer_limit = Route::kConnectionLimit;
};
VirtualHost to_virtual_host(const envoy::config::route::v3::VirtualHost& host, const RouteLimits& limits,
                            Context& context);
Route to_route(const envoy::config::route::v3::Route& route, const RouteLimits& limits, Context& context);
RouteMatch to_route_match(const envoy::config::route::v3::RouteMatch& match, Context& context);
RouteAction to_route_action(const envoy::config::route::v3::RouteAction& action, Context& context);
RedirectAction to_redirect(const envoy::config::route::v3::RedirectAction& redirect, Context& context);
RetryPolicy to_retry_policy(const envoy::config::route::v3::RetryPolicy& policy, Context& context);
HedgePolicy to_hedge_policy(const envoy::config::route::v3::HedgePolicy& policy);
/// path_match_policy and path_rewrite_policy: URI templates.
PathMatch to_template_match(const envoy::config::core::v3::TypedExtensionConfig& policy, Context& context);
void set_template_rewrite(const envoy::config::route::v3::RouteAction& action, const PathMatch& path,
                          Context& context, RareValue<PathRewrite>& out);
PathRewrite to_regex_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& rewrite,
                             Context& context);

using ProtoMirrors =
    google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction::RequestMirrorPolicy>;
void set_host_predicates(const envoy::config::route::v3::RetryPolicy& policy, Context& context,
                         RetryPolicy& out);
void set_retry_priority(const envoy::config::route::v3::RetryPolicy& policy, Context& context,
                        RetryPolicy& out);

/// With the one for the rest behind them, where there are any; each with its statistics.
std::vector<VirtualCluster> to_virtual_clusters(const envoy::config::route::v3::VirtualHost& host,
                                                Context& context);
/// The statistics of a route of that virtual host; null without a prefix.
std::shared_ptr<StatScope> to_route_stats(const std::string& host, const std::string& stat_prefix,
                                          Context& context);

/// The field is request_mirror_policies at every level.
std::vector<MirrorPolicy> to_mirrors(const ProtoMirrors& policies, Context& context);

InternalRedirect to_internal_redirect(const envoy::config::route::v3::InternalRedirectPolicy& policy,
                                      Context& context);

using ProtoHashPolicies =
    google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction::HashPolicy>;
/// The field is hash_policy wherever it stands.
std::vector<HashPolicy> to_hash_policies(const ProtoHashPolicies& policies, Context& context);

/// What the namespace "remora" of a route's metadata says of its shadows. Errors: what it has no meaning for.
ShadowSettings to_shadow_settings(const envoy::config::core::v3::Metadata& metadata, Context& context);

using ProtoFilterConfigs = google::protobuf::Map<std::string, google::protobuf::Any>;
/// The field is typed_per_filter_config at every level.
std::vector<FilterOverride> to_filter_overrides(const ProtoFilterConfigs& configs, Context& context);

/// Records an error for each cluster that the table names and `context.environment().has_cluster` does not
/// know.
void check_clusters_exist(const RouteConfig& config, Context& context);

}  // namespace remora::xds
