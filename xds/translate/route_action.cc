#include <algorithm>

#include "translate/format.h"
#include "translate/header_mutations.h"
#include "translate/matchers.h"
#include "translate/route.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::route::v3;

uint16_t to_status(v3::RouteAction::ClusterNotFoundResponseCode code) {
  switch (code) {
    case v3::RouteAction::NOT_FOUND: return 404;
    case v3::RouteAction::INTERNAL_SERVER_ERROR: return 500;
    default: return 503;
  }
}

/// The keys of both; where both have one, `specific` wins.
SubsetMatch merged(const SubsetMatch& general, SubsetMatch specific) {
  for (const auto& entry : general) {
    const auto same = [&](const auto& other) { return other.first == entry.first; };
    if (std::none_of(specific.begin(), specific.end(), same)) specific.push_back(entry);
  }
  std::sort(specific.begin(), specific.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return specific;
}

WeightedCluster to_weighted_cluster(const v3::WeightedCluster::ClusterWeight& cluster,
                                    const std::string& runtime_prefix, const SubsetMatch& route_metadata,
                                    Context& context) {
  WeightedCluster out;
  out.name = cluster.name();
  out.cluster_header = lower(cluster.cluster_header());
  if (out.name.empty() == out.cluster_header.empty())
    context.error("exactly one of name and cluster_header is required");
  if (!cluster.has_weight()) context.error("weight", "is required");
  out.weight = cluster.weight().value();
  if (!runtime_prefix.empty()) {
    const auto weight = runtime_number(runtime_prefix + "." + out.name, context);
    if (weight && *weight >= 0) out.weight = static_cast<uint32_t>(*weight);
  }
  out.metadata_match = merged(route_metadata, to_subset_match(cluster.metadata_match()));
  out.request_headers = to_request_mutations(cluster, context);
  out.response_headers = to_response_mutations(cluster, context);
  out.host_rewrite = cluster.host_rewrite_literal();
  out.filters.overrides = to_filter_overrides(cluster.typed_per_filter_config(), context);
  return out;
}

void set_weighted(const v3::WeightedCluster& weighted, Context& context, RouteAction& out) {
  const auto scope = context.in("weighted_clusters");
  out.target = RouteAction::Target::kWeighted;
  for (int i = 0; i < weighted.clusters_size(); ++i) {
    const auto at = context.in("clusters", i);
    out.weighted.push_back(to_weighted_cluster(weighted.clusters(i), weighted.runtime_key_prefix(),
                                               out.metadata_match, context));
    out.total_weight += out.weighted.back().weight;
  }
  if (out.total_weight == 0) context.error("the sum of the weights must be greater than 0");
  if (out.total_weight > UINT32_MAX) context.error("the sum of the weights must be below 2^32");
  if (weighted.has_total_weight() && weighted.total_weight().value() != out.total_weight) {
    context.warning("total_weight", "is deprecated and not read: the sum of the weights, " +
                                        std::to_string(out.total_weight) + ", is what counts");
  }
  out.weighted_random_header = lower(weighted.header_name());
  out.weighted_by_hash = weighted.use_hash_policy().value();
}

void set_target(const v3::RouteAction& action, Context& context, RouteAction& out) {
  switch (action.cluster_specifier_case()) {
    case v3::RouteAction::kClusterHeader:
      out.target = RouteAction::Target::kClusterHeader;
      out.cluster = lower(action.cluster_header());
      return;
    case v3::RouteAction::kWeightedClusters: return set_weighted(action.weighted_clusters(), context, out);
    default: out.cluster = action.cluster();
  }
}

std::shared_ptr<const Format> to_shared_format(std::string_view text, std::string_view field,
                                               Context& context) {
  const auto scope = context.in(field);
  return std::make_shared<const Format>(to_format(text, context));
}

PathRewrite to_path_rewrite(const v3::RouteAction& action, Context& context) {
  PathRewrite out;
  if (!action.path_rewrite().empty()) {
    if (!action.prefix_rewrite().empty() || action.has_regex_rewrite())
      context.error("only one of prefix_rewrite, regex_rewrite and path_rewrite can be set");
    out.kind = PathRewrite::Kind::kFormat;
    out.format = to_shared_format(action.path_rewrite(), "path_rewrite", context);
    return out;
  }
  if (action.has_regex_rewrite()) {
    const auto scope = context.in("regex_rewrite");
    if (!action.prefix_rewrite().empty())
      context.error("only one of prefix_rewrite and regex_rewrite can be set");
    return to_regex_rewrite(action.regex_rewrite(), context);
  }
  if (!action.prefix_rewrite().empty()) out = {PathRewrite::Kind::kPrefix, action.prefix_rewrite(), {}};
  return out;
}

HostRewrite to_host_rewrite(const v3::RouteAction& action, Context& context) {
  using Kind = HostRewrite::Kind;
  HostRewrite out;
  out.append_x_forwarded_host = action.append_x_forwarded_host();
  switch (action.host_rewrite_specifier_case()) {
    case v3::RouteAction::kHostRewriteLiteral:
      out.kind = Kind::kLiteral;
      out.value = action.host_rewrite_literal();
      break;
    case v3::RouteAction::kHostRewriteHeader:
      out.kind = Kind::kHeader;
      out.value = lower(action.host_rewrite_header());
      break;
    case v3::RouteAction::kAutoHostRewrite:
      if (action.auto_host_rewrite().value()) out.kind = Kind::kAuto;
      break;
    case v3::RouteAction::kHostRewritePathRegex: {
      const auto scope = context.in("host_rewrite_path_regex");
      out.kind = Kind::kPathRegex;
      out.value = action.host_rewrite_path_regex().substitution();
      const auto pattern = context.in("pattern");
      out.regex = to_regex(action.host_rewrite_path_regex().pattern(), context);
      break;
    }
    case v3::RouteAction::kHostRewrite:
      out.kind = Kind::kFormat;
      out.format = to_shared_format(action.host_rewrite(), "host_rewrite", context);
      break;
    default: break;
  }
  return out;
}

void set_stream_duration(const v3::RouteAction& action, Context& context, RouteAction& out) {
  if (!action.has_max_stream_duration()) return;
  const auto scope = context.in("max_stream_duration");
  const auto& limits = action.max_stream_duration();
  out.has_stream_duration = true;
  if (limits.has_max_stream_duration())
    out.max_stream_duration = to_milliseconds(limits.max_stream_duration(), "max_stream_duration", context);
  if (limits.has_grpc_timeout_header_max())
    out.grpc_timeouts.edit().header_max =
        to_milliseconds(limits.grpc_timeout_header_max(), "grpc_timeout_header_max", context);
  if (limits.has_grpc_timeout_header_offset())
    out.grpc_timeouts.edit().header_offset =
        to_milliseconds(limits.grpc_timeout_header_offset(), "grpc_timeout_header_offset", context);
}

void set_timeouts(const v3::RouteAction& action, Context& context, RouteAction& out) {
  if (action.has_timeout()) out.timeout = to_milliseconds(action.timeout(), "timeout", context);
  if (action.has_idle_timeout())
    out.idle_timeout = to_milliseconds(action.idle_timeout(), "idle_timeout", context);
  set_stream_duration(action, context, out);
  if (action.has_max_grpc_timeout())
    out.grpc_timeouts.edit().max = to_milliseconds(action.max_grpc_timeout(), "max_grpc_timeout", context);
  if (action.has_grpc_timeout_offset())
    out.grpc_timeouts.edit().offset =
        to_milliseconds(action.grpc_timeout_offset(), "grpc_timeout_offset", context);
}

void set_upgrades(const v3::RouteAction& action, Context& context, RouteAction& out) {
  for (int i = 0; i < action.upgrade_configs_size(); ++i) {
    const auto& upgrade = action.upgrade_configs(i);
    const auto scope = context.in("upgrade_configs", i);
    const std::string type = lower(upgrade.upgrade_type());
    const bool enabled = !upgrade.has_enabled() || upgrade.enabled().value();
    const auto same = [&](const auto& other) { return other.first == type; };
    if (std::any_of(out.upgrades.begin(), out.upgrades.end(), same)) {
      context.error("upgrade_type", "'" + type + "' is there twice");
    }
    out.upgrades.emplace_back(type, enabled);
    if (!upgrade.has_connect_config() || !enabled) continue;
    if (type != "connect") context.error("connect_config", "is for upgrade_type CONNECT");
    out.tcp_tunnel = TcpTunnel{.allow_post = upgrade.connect_config().allow_post()};
  }
}

MirrorPolicy to_mirror(const v3::RouteAction::RequestMirrorPolicy& policy, Context& context) {
  MirrorPolicy out;
  out.cluster = policy.cluster();
  out.cluster_header = lower(policy.cluster_header());
  if (out.cluster.empty() == out.cluster_header.empty()) {
    context.error("exactly one of cluster and cluster_header is required");
  }
  if (policy.has_runtime_fraction()) out.fraction = to_fraction(policy.runtime_fraction(), context);
  out.append_shadow_suffix = !policy.disable_shadow_host_suffix_append();
  out.host_rewrite = policy.host_rewrite_literal();
  out.request_headers =
      to_header_edits(policy.request_headers_mutations(), "request_headers_mutations", context);
  return out;
}

}  // namespace

std::vector<MirrorPolicy> to_mirrors(const ProtoMirrors& policies, Context& context) {
  std::vector<MirrorPolicy> out;
  for (int i = 0; i < policies.size(); ++i) {
    const auto scope = context.in("request_mirror_policies", i);
    out.push_back(to_mirror(policies[i], context));
  }
  return out;
}

RouteAction to_route_action(const v3::RouteAction& action, Context& context) {
  RouteAction out;
  out.metadata_match = to_subset_match(action.metadata_match());
  set_target(action, context, out);
  out.cluster_not_found_status = to_status(action.cluster_not_found_response_code());
  out.path_rewrite = to_path_rewrite(action, context);
  out.host_rewrite = to_host_rewrite(action, context);
  set_timeouts(action, context, out);
  if (action.has_retry_policy()) {
    const auto scope = context.in("retry_policy");
    out.retry = std::make_shared<const RetryPolicy>(to_retry_policy(action.retry_policy(), context));
  }
  if (action.has_hedge_policy()) out.hedge = to_hedge_policy(action.hedge_policy());
  out.mirrors = to_mirrors(action.request_mirror_policies(), context);
  out.hash_policies = to_hash_policies(action.hash_policy(), context);
  if (action.has_internal_redirect_policy()) {
    const auto scope = context.in("internal_redirect_policy");
    out.internal_redirect = std::make_shared<const InternalRedirect>(
        to_internal_redirect(action.internal_redirect_policy(), context));
  }
  set_upgrades(action, context, out);
  out.high_priority = action.priority() == envoy::config::core::v3::HIGH;
  return out;
}

}  // namespace remora::xds
