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
           "ignore_port_in_host_matching ignore_path_parameters_in_path_matching vhost_header vhds",
       .checked_by_reader = "typed_per_filter_config",
       .no_effect = {{"metadata", "no extension of this build reads it"}}},
      {.message = "envoy.config.route.v3.Vhds", .implemented = "config_source"},
      {.message = "envoy.config.route.v3.VirtualHost",
       .implemented =
           "name domains routes require_tls request_headers_to_add request_headers_to_remove "
           "response_headers_to_add response_headers_to_remove include_request_attempt_count "
           "include_is_timeout_retry_header "
           "include_attempt_count_in_response retry_policy hedge_policy request_mirror_policies matcher "
           "virtual_clusters per_request_buffer_limit_bytes request_body_buffer_limit",
       .checked_by_reader = "typed_per_filter_config",
       .no_effect = {{"metadata", "no extension of this build reads it"}, {"rate_limits", kNoRateLimit}}},
      {.message = "envoy.config.route.v3.Route",
       .implemented = "name match route redirect direct_response non_forwarding_action metadata "
                      "request_headers_to_add request_headers_to_remove response_headers_to_add "
                      "response_headers_to_remove stat_prefix per_request_buffer_limit_bytes "
                      "request_body_buffer_limit",
       .checked_by_reader = "typed_per_filter_config",
       .no_effect = {{"tracing decorator", kNoTracing}}},
      {.message = "envoy.config.route.v3.RouteList", .implemented = "routes"},
      {.message = "envoy.config.route.v3.VirtualCluster", .implemented = "headers name"},
      {.message = "xds.type.matcher.v3.Matcher", .implemented = "matcher_list matcher_tree on_no_match"},
      {.message = "xds.type.matcher.v3.Matcher.OnMatch",
       .implemented = "matcher action",
       .only = {{"keep_matching", "false"}}},
      {.message = "xds.type.matcher.v3.Matcher.MatcherList", .implemented = "matchers"},
      {.message = "xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher",
       .implemented = "predicate on_match"},
      {.message = "xds.type.matcher.v3.Matcher.MatcherList.Predicate",
       .implemented = "single_predicate or_matcher and_matcher not_matcher"},
      {.message = "xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList",
       .implemented = "predicate"},
      {.message = "xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate",
       .implemented = "input value_match"},
      {.message = "xds.type.matcher.v3.Matcher.MatcherTree",
       .implemented = "input exact_match_map prefix_match_map"},
      {.message = "xds.type.matcher.v3.Matcher.MatcherTree.MatchMap", .implemented = "map"},
      {.message = "xds.type.matcher.v3.StringMatcher",
       .implemented = "exact prefix suffix safe_regex contains ignore_case"},
      {.message = "xds.type.matcher.v3.RegexMatcher", .implemented = "regex google_re2"},
      {.message = "xds.type.matcher.v3.RegexMatcher.GoogleRE2", .implemented = ""},
      {.message = "xds.core.v3.TypedExtensionConfig", .implemented = "name typed_config"},
      {.message = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", .implemented = "header_name"},
      {.message = "envoy.extensions.matching.common_inputs.network.v3.FilterStateInput",
       .implemented = "key"},
      {.message = "envoy.config.route.v3.ScopedRouteConfiguration",
       .implemented = "name route_configuration_name key",
       .checked_by_reader = "route_configuration",
       .only = {{"on_demand", "false"}}},
      {.message = "envoy.config.route.v3.ScopedRouteConfiguration.Key", .implemented = "fragments"},
      {.message = "envoy.config.route.v3.ScopedRouteConfiguration.Key.Fragment", .implemented = "string_key"},
      {.message = "envoy.config.route.v3.RouteMatch",
       .implemented =
           "prefix path safe_regex connect_matcher path_separated_prefix case_sensitive runtime_fraction "
           "headers query_parameters dynamic_metadata grpc tls_context filter_state path_match_policy"},
      {.message = "envoy.config.route.v3.RouteMatch.TlsContextMatchOptions",
       .implemented = "presented validated"},
      {.message = "envoy.type.matcher.v3.FilterStateMatcher", .implemented = "key string_match"},
      {.message = "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
       .implemented = "path_template"},
      {.message = "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig",
       .implemented = "path_template_rewrite"},
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
           "hedge_policy request_mirror_policies priority upgrade_configs max_stream_duration "
           "max_grpc_timeout "
           "grpc_timeout_offset hash_policy internal_redirect_policy path_rewrite_policy path_rewrite "
           "host_rewrite",
       .no_effect = {{"rate_limits include_vh_rate_limits", kNoRateLimit},
                     {"early_data_policy", "early data is never accepted"}}},
      {.message = "envoy.config.route.v3.HedgePolicy",
       .implemented = "hedge_on_per_try_timeout",
       .no_effect = {{"initial_requests additional_request_chance", "Envoy does not read it either"}}},
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
       .implemented = "header cookie connection_properties query_parameter filter_state terminal"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.FilterState", .implemented = "key"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.Header",
       .implemented = "header_name regex_rewrite"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.Cookie",
       .implemented = "name ttl path attributes"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute",
       .implemented = "name value"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties",
       .implemented = "source_ip"},
      {.message = "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter", .implemented = "name"},
      {.message = "envoy.config.route.v3.RouteAction.UpgradeConfig",
       .implemented = "upgrade_type enabled connect_config"},
      {.message = "envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig",
       .implemented = "allow_post"},
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
           "retriable_request_headers per_try_idle_timeout rate_limited_retry_back_off retry_priority"},
      {.message = "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff",
       .implemented = "reset_headers max_interval"},
      {.message = "envoy.config.route.v3.RetryPolicy.ResetHeader", .implemented = "name format"},
      {.message = "envoy.config.route.v3.RetryPolicy.RetryPriority",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
       .implemented = "update_frequency"},
      {.message = "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate",
       .implemented = ""},
      {.message = "envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig",
       .implemented = "metadata_match"},
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
      {.message = "envoy.config.route.v3.DirectResponseAction", .implemented = "status body body_format"},
      {.message = "envoy.config.route.v3.NonForwardingAction", .implemented = ""},
  };
  return kRules;
}

}  // namespace remora::xds
