#include "translate/field_rules.h"

namespace remora::xds {
namespace {

constexpr std::string_view kNoTracing = "tracing is not implemented";
constexpr std::string_view kNoRateLimit = "only the rate limit filter reads it, which is not implemented";

}  // namespace

std::span<const MessageRules> route_rules() {
  static const MessageRules kRules[] = {
      {.message = "envoy.config.route.v3.RouteConfiguration",
       .implemented =
           "name virtual_hosts internal_only_headers response_headers_to_add response_headers_to_remove "
           "request_headers_to_add request_headers_to_remove most_specific_header_mutations_wins "
           "validate_clusters max_direct_response_body_size_bytes request_mirror_policies "
           "ignore_port_in_host_matching vhds",
       .checked_by_reader = "typed_per_filter_config",
       .no_effect = {{"metadata", "no extension of this build reads it"}}},
      {.message = "envoy.config.route.v3.Vhds", .implemented = "config_source"},
      {.message = "envoy.config.route.v3.VirtualHost",
       .implemented = "name domains routes require_tls request_headers_to_add request_headers_to_remove "
                      "response_headers_to_add response_headers_to_remove include_request_attempt_count "
                      "include_attempt_count_in_response retry_policy request_mirror_policies",
       .checked_by_reader = "typed_per_filter_config",
       .no_effect = {{"metadata", "no extension of this build reads it"}, {"rate_limits", kNoRateLimit}}},
      {.message = "envoy.config.route.v3.Route",
       .implemented = "name match route redirect direct_response non_forwarding_action metadata "
                      "request_headers_to_add request_headers_to_remove response_headers_to_add "
                      "response_headers_to_remove",
       .checked_by_reader = "typed_per_filter_config",
       .no_effect = {{"tracing decorator", kNoTracing},
                     {"stat_prefix", "this build keeps no statistics by route"}}},
      {.message = "envoy.config.route.v3.RouteMatch",
       .implemented =
           "prefix path safe_regex connect_matcher path_separated_prefix case_sensitive runtime_fraction "
           "headers query_parameters dynamic_metadata grpc"},
      {.message = "envoy.config.route.v3.RouteMatch.ConnectMatcher", .implemented = ""},
      {.message = "envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions", .implemented = ""},
      {.message = "envoy.config.route.v3.HeaderMatcher",
       .implemented = "name exact_match safe_regex_match range_match present_match prefix_match suffix_match "
                      "contains_match string_match invert_match treat_missing_header_as_empty"},
      {.message = "envoy.config.route.v3.QueryParameterMatcher",
       .implemented = "name string_match present_match"},
      {.message = "envoy.config.route.v3.RouteAction",
       .implemented =
           "cluster cluster_header weighted_clusters cluster_not_found_response_code metadata_match "
           "prefix_rewrite regex_rewrite host_rewrite_literal auto_host_rewrite host_rewrite_header "
           "host_rewrite_path_regex append_x_forwarded_host timeout idle_timeout retry_policy "
           "request_mirror_policies priority upgrade_configs max_stream_duration max_grpc_timeout "
           "grpc_timeout_offset hash_policy internal_redirect_policy",
       .no_effect = {{"rate_limits include_vh_rate_limits", kNoRateLimit},
                     {"early_data_policy", "early data is never accepted"}}},
      {.message = "envoy.config.route.v3.RouteAction.MaxStreamDuration",
       .implemented = "max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset"},
      {.message = "envoy.config.route.v3.InternalRedirectPolicy",
       .implemented = "max_internal_redirects redirect_response_codes allow_cross_scheme_redirect "
                      "response_headers_to_copy",
       .checked_by_reader = "predicates"},
      {.message = "envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig",
       .implemented = ""},
      {.message = "envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig",
       .implemented = ""},
      {.message = "envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig",
       .implemented = "allowed_route_names"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy",
       .implemented = "header cookie connection_properties query_parameter terminal"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.Header",
       .implemented = "header_name regex_rewrite"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.Cookie",
       .implemented = "name ttl path attributes"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute",
       .implemented = "name value"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties",
       .implemented = "source_ip"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter", .implemented = "name"},
      {.message = "envoy.config.route.v3.RouteAction.UpgradeConfig", .implemented = "upgrade_type enabled"},
      {.message = "envoy.config.route.v3.RouteAction.RequestMirrorPolicy",
       .implemented = "cluster cluster_header runtime_fraction disable_shadow_host_suffix_append "
                      "request_headers_mutations host_rewrite_literal",
       .no_effect = {{"trace_sampled", kNoTracing}}},
      {.message = "envoy.config.route.v3.WeightedCluster",
       .implemented = "clusters total_weight runtime_key_prefix header_name use_hash_policy"},
      {.message = "envoy.config.route.v3.WeightedCluster.ClusterWeight",
       .implemented =
           "name cluster_header weight metadata_match request_headers_to_add request_headers_to_remove "
           "response_headers_to_add response_headers_to_remove host_rewrite_literal",
       .checked_by_reader = "typed_per_filter_config"},
      {.message = "envoy.config.route.v3.FilterConfig",
       .implemented = "is_optional disabled",
       .checked_by_reader = "config"},
      {.message = "envoy.config.route.v3.RetryPolicy",
       .implemented =
           "retry_on num_retries per_try_timeout retry_host_predicate "
           "host_selection_retry_max_attempts retriable_status_codes retry_back_off retriable_headers "
           "retriable_request_headers"},
      {.message = "envoy.config.route.v3.RetryPolicy.RetryBackOff",
       .implemented = "base_interval max_interval"},
      {.message = "envoy.config.route.v3.RetryPolicy.RetryHostPredicate",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate", .implemented = ""},
      {.message = "envoy.config.route.v3.RedirectAction",
       .implemented =
           "https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite "
           "regex_rewrite response_code strip_query"},
      {.message = "envoy.config.route.v3.DirectResponseAction", .implemented = "status body"},
      {.message = "envoy.config.route.v3.NonForwardingAction", .implemented = ""},
  };
  return kRules;
}

}  // namespace remora::xds
