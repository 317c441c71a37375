#include "translate/field_rules.h"

namespace remora::xds {

/// Filters whose messages are checked here; those without rules say themselves what they read.
std::span<const MessageRules> filter_rules() {
  constexpr std::string_view kNoExchange = "metadata is not exchanged over TCP";
  static const MessageRules kRules[] = {
      {.message = "envoy.tcp.metadataexchange.config.MetadataExchange",
       .implemented = "protocol",
       .no_effect = {{"enable_discovery additional_labels", kNoExchange}}},
      {.message = "envoy.extensions.filters.http.cors.v3.Cors", .implemented = ""},
      {.message = "envoy.extensions.filters.http.cors.v3.CorsPolicy",
       .implemented = "allow_origin_string_match allow_methods allow_headers expose_headers max_age "
                      "allow_credentials filter_enabled shadow_enabled allow_private_network_access "
                      "forward_not_matching_preflights"},
      {.message = "envoy.extensions.filters.http.fault.v3.HTTPFault",
       .implemented = "delay abort upstream_cluster headers downstream_nodes max_active_faults "
                      "delay_percent_runtime abort_percent_runtime delay_duration_runtime "
                      "abort_http_status_runtime abort_grpc_status_runtime max_active_faults_runtime "
                      "disable_downstream_cluster_stats filter_metadata response_rate_limit "
                      "response_rate_limit_percent_runtime"},
      {.message = "envoy.extensions.filters.common.fault.v3.FaultRateLimit",
       .implemented = "fixed_limit header_limit percentage"},
      {.message = "envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit",
       .implemented = "limit_kbps"},
      {.message = "envoy.extensions.filters.common.fault.v3.FaultRateLimit.HeaderLimit", .implemented = ""},
      {.message = "envoy.extensions.filters.common.fault.v3.FaultDelay",
       .implemented = "fixed_delay header_delay percentage"},
      {.message = "envoy.extensions.filters.common.fault.v3.FaultDelay.HeaderDelay", .implemented = ""},
      {.message = "envoy.extensions.filters.http.fault.v3.FaultAbort",
       .implemented = "http_status grpc_status header_abort percentage"},
      {.message = "envoy.extensions.filters.http.fault.v3.FaultAbort.HeaderAbort", .implemented = ""},
      {.message = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
       .implemented = "mutations most_specific_header_mutations_wins"},
      {.message = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
       .implemented = "mutations"},
      {.message = "envoy.extensions.filters.http.header_mutation.v3.Mutations",
       .implemented = "request_mutations query_parameter_mutations response_mutations "
                      "response_trailers_mutations request_trailers_mutations"},
      {.message = "envoy.config.core.v3.KeyValueMutation", .implemented = "append remove"},
      {.message = "envoy.config.core.v3.KeyValueAppend", .implemented = "record action"},
      {.message = "envoy.config.core.v3.KeyValuePair", .implemented = "key", .checked_by_reader = "value"},
      {.message = "envoy.config.common.mutation_rules.v3.HeaderMutation",
       .implemented = "remove append remove_on_match"},
      {.message = "envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch",
       .implemented = "key_matcher"},
      {.message = "envoy.extensions.filters.http.buffer.v3.Buffer", .implemented = "max_request_bytes"},
      {.message = "envoy.extensions.filters.http.buffer.v3.BufferPerRoute", .implemented = "disabled buffer"},
      {.message = "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency",
       .implemented = "gradient_controller_config enabled concurrency_limit_exceeded_status"},
      {.message = "envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig",
       .implemented = "sample_aggregate_percentile concurrency_limit_params min_rtt_calc_params"},
      {.message = "envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig."
                  "ConcurrencyLimitCalculationParams",
       .implemented = "max_concurrency_limit concurrency_update_interval"},
      {.message = "envoy.extensions.filters.http.adaptive_concurrency.v3.GradientControllerConfig."
                  "MinimumRTTCalculationParams",
       .implemented = "interval fixed_value request_count jitter min_concurrency buffer"},
      {.message = "envoy.extensions.filters.http.admission_control.v3.AdmissionControl",
       .implemented = "enabled success_criteria sampling_window aggression sr_threshold rps_threshold "
                      "max_rejection_probability"},
      {.message = "envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria",
       .implemented = "http_criteria grpc_criteria"},
      {.message =
           "envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria.HttpCriteria",
       .implemented = "http_success_status"},
      {.message =
           "envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria.GrpcCriteria",
       .implemented = "grpc_success_status"},
      {.message = "envoy.extensions.filters.http.set_filter_state.v3.Config",
       .implemented = "on_request_headers"},
      {.message = "envoy.extensions.filters.http.on_demand.v3.OnDemand", .implemented = "odcds"},
      {.message = "envoy.extensions.filters.http.on_demand.v3.PerRouteConfig", .implemented = "odcds"},
      {.message = "envoy.extensions.filters.http.on_demand.v3.OnDemandCds", .implemented = "source timeout"},
      {.message = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
       .implemented = "dns_cache_config",
       .no_effect = {{"save_upstream_address", "no filter of this build reads what it would leave"}},
       .only = {{"allow_dynamic_host_from_filter_state", "false"}}},
      {.message = "envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig",
       .implemented = "host_rewrite_literal host_rewrite_header"},
      {.message = "envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue",
       .implemented = "object_key factory_key format_string skip_if_empty",
       .no_effect = {{"read_only",
                      "the last filter that sets a key wins, as in Envoy 1.40, whatever it says here"},
                     {"shared_with_upstream", "no upstream connection of this build reads filter state"}}},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
       .implemented =
           "providers rules bypass_cors_preflight requirement_map strip_failure_response stat_prefix"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider",
       .implemented = "issuer audiences subjects require_expiration max_lifetime remote_jwks local_jwks "
                      "forward from_headers from_params from_cookies forward_payload_header "
                      "pad_forward_payload_header payload_in_metadata normalize_payload_in_metadata "
                      "header_in_metadata failed_status_in_metadata clock_skew_seconds jwt_cache_config "
                      "claim_to_headers clear_route_cache"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.NormalizePayload",
       .implemented = "space_delimited_claims"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtCacheConfig",
       .implemented = "jwt_cache_size jwt_max_token_size"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.RemoteJwks",
       .implemented = "http_uri cache_duration async_fetch retry_policy"},
      {.message = "envoy.config.core.v3.RetryPolicy",
       .implemented = "retry_back_off num_retries",
       .only = {{"retry_on", "5xx,gateway-error,connect-failure,reset"}}},
      {.message = "envoy.config.core.v3.BackoffStrategy", .implemented = "base_interval max_interval"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwksAsyncFetch",
       .implemented = "failed_refetch_duration",
       .no_effect = {{"fast_listener", "a listener never waits for keys; a request that needs them does"}}},
      {.message = "envoy.config.core.v3.HttpUri", .implemented = "uri cluster timeout"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtHeader", .implemented = "name value_prefix"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader",
       .implemented = "header_name claim_name"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.ProviderWithAudiences",
       .implemented = "provider_name audiences"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement",
       .implemented = "provider_name provider_and_audiences requires_any requires_all "
                      "allow_missing_or_failed allow_missing"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList",
       .implemented = "requirements"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementAndList",
       .implemented = "requirements"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.RequirementRule",
       .implemented = "match requires_ requirement_name"},
      {.message = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
       .implemented = "disabled requirement_name"},
  };
  return kRules;
}

}  // namespace remora::xds
