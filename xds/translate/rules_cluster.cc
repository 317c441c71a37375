#include "translate/field_rules.h"

namespace remora::xds {
namespace {

constexpr std::string_view kNoQuic = "there is no HTTP/3";

}  // namespace

std::span<const MessageRules> cluster_rules() {
  static const MessageRules kRules[] = {
      {.message = "envoy.config.cluster.v3.Cluster",
       .implemented =
           "name alt_stat_name type eds_cluster_config connect_timeout per_connection_buffer_limit_bytes "
           "lb_policy max_requests_per_connection circuit_breakers common_http_protocol_options "
           "http_protocol_options typed_extension_protocol_options outlier_detection lb_subset_config "
           "least_request_lb_config round_robin_lb_config ring_hash_lb_config maglev_lb_config "
           "common_lb_config transport_socket metadata health_checks ignore_health_on_host_removal "
           "http2_protocol_options upstream_http_protocol_options protocol_selection "
           "transport_socket_matches original_dst_lb_config cleanup_interval upstream_bind_config "
           "dns_refresh_rate dns_jitter dns_failure_refresh_rate respect_dns_ttl dns_lookup_family "
           "use_tcp_for_dns_lookups dns_resolution_config wait_for_warm_on_init upstream_connection_options "
           "close_connections_on_host_health_failure connection_pool_per_downstream_connection "
           "preconnect_policy",
       .checked_by_reader = "load_assignment load_balancing_policy cluster_type filters dns_resolvers "
                            "typed_dns_resolver_config"},
      {.message = "envoy.config.cluster.v3.Cluster.RefreshRate", .implemented = "base_interval max_interval"},
      {.message = "envoy.config.core.v3.DnsResolutionConfig",
       .implemented = "dns_resolver_options",
       .checked_by_reader = "resolvers"},
      {.message = "envoy.config.core.v3.DnsResolverOptions",
       .implemented = "use_tcp_for_dns_lookups no_default_search_domain"},
      {.message = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig",
       .implemented = "use_resolvers_as_fallback filter_unroutable_families dns_resolver_options "
                      "udp_max_queries query_timeout_seconds query_tries rotate_nameservers "
                      "edns0_max_payload_size max_udp_channel_duration reinit_channel_on_timeout",
       .checked_by_reader = "resolvers"},
      {.message = "envoy.extensions.clusters.dns.v3.DnsCluster",
       .implemented = "dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter "
                      "dns_lookup_family all_addresses_in_single_endpoint",
       .checked_by_reader = "typed_dns_resolver_config"},
      {.message = "envoy.extensions.clusters.aggregate.v3.ClusterConfig", .implemented = "clusters"},
      {.message = "envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig",
       .implemented = "dns_cache_config allow_insecure_cluster_options",
       .only = {{"allow_coalesced_connections", "false"}}},
      {.message = "envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig",
       .implemented = "name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl max_hosts "
                      "dns_failure_refresh_rate dns_cache_circuit_breaker use_tcp_for_dns_lookups "
                      "dns_resolution_config preresolve_hostnames dns_query_timeout",
       .checked_by_reader = "typed_dns_resolver_config",
       .only = {{"disable_dns_refresh_on_failure", "false"}}},
      {.message = "envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheCircuitBreakers",
       .implemented = "max_pending_requests"},
      {.message = "envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate",
       .implemented = "base_interval max_interval"},
      {.message = "envoy.config.cluster.v3.UpstreamConnectionOptions",
       .implemented = "tcp_keepalive happy_eyeballs_config"},
      {.message = "envoy.config.cluster.v3.UpstreamConnectionOptions.HappyEyeballsConfig",
       .implemented = "first_address_family_version first_address_family_count"},
      {.message = "envoy.config.cluster.v3.Cluster.PreconnectPolicy",
       .implemented = "per_upstream_preconnect_ratio predictive_preconnect_ratio"},
      {.message = "envoy.config.core.v3.TcpKeepalive",
       .implemented = "keepalive_probes keepalive_time keepalive_interval"},
      {.message = "envoy.config.cluster.v3.Cluster.TransportSocketMatch",
       .implemented = "name match transport_socket"},
      {.message = "envoy.config.cluster.v3.Cluster.EdsClusterConfig",
       .implemented = "eds_config service_name"},
      {.message = "envoy.config.cluster.v3.Cluster.CommonLbConfig",
       .implemented = "healthy_panic_threshold consistent_hashing_lb_config locality_weighted_lb_config "
                      "ignore_new_hosts_until_first_hc zone_aware_lb_config "
                      "close_connections_on_host_set_change",
       .no_effect = {{"update_merge_window", "changes are applied as they arrive"},
                     {"override_host_status", "no load balancer of this build reads it"}}},
      {.message = "envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig",
       .implemented = "use_hostname_for_hashing hash_balance_factor"},
      {.message = "envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig",
       .implemented = "routing_enabled min_cluster_size fail_traffic_on_panic"},
      {.message = "envoy.config.cluster.v3.Cluster.CommonLbConfig.LocalityWeightedLbConfig",
       .implemented = ""},
      {.message = "envoy.config.cluster.v3.Cluster.SlowStartConfig",
       .implemented = "slow_start_window aggression min_weight_percent"},
      {.message = "envoy.config.cluster.v3.Cluster.RingHashLbConfig",
       .implemented = "minimum_ring_size maximum_ring_size hash_function"},
      {.message = "envoy.config.cluster.v3.Cluster.MaglevLbConfig", .implemented = "table_size"},
      {.message = "envoy.config.cluster.v3.Cluster.OriginalDstLbConfig",
       .implemented = "use_http_header http_header_name upstream_port_override"},
      {.message = "envoy.config.cluster.v3.Cluster.LeastRequestLbConfig",
       .implemented = "choice_count active_request_bias slow_start_config"},
      {.message = "envoy.config.cluster.v3.Cluster.RoundRobinLbConfig", .implemented = "slow_start_config"},
      {.message = "envoy.config.cluster.v3.Cluster.LbSubsetConfig",
       .implemented = "fallback_policy default_subset subset_selectors panic_mode_any list_as_any "
                      "locality_weight_aware",
       .only = {{"metadata_fallback_policy", "METADATA_NO_FALLBACK"}, {"scale_locality_weight", "false"}}},
      {.message = "envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector",
       .implemented = "keys single_host_per_subset fallback_policy fallback_keys_subset"},
      {.message = "envoy.config.cluster.v3.CircuitBreakers", .implemented = "thresholds per_host_thresholds"},
      {.message = "envoy.config.cluster.v3.CircuitBreakers.Thresholds",
       .implemented = "priority max_connections max_pending_requests max_requests max_retries retry_budget "
                      "track_remaining",
       .only = {{"max_connection_pools", "4294967295"}}},
      {.message = "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget",
       .implemented = "budget_percent min_retry_concurrency"},
      {.message = "envoy.config.cluster.v3.OutlierDetection",
       .implemented =
           "consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx "
           "enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume "
           "success_rate_stdev_factor "
           "consecutive_gateway_failure enforcing_consecutive_gateway_failure "
           "split_external_local_origin_errors "
           "consecutive_local_origin_failure enforcing_consecutive_local_origin_failure "
           "enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage "
           "enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts "
           "failure_percentage_request_volume max_ejection_time max_ejection_time_jitter "
           "always_eject_one_host successful_active_health_check_uneject_host"},

      // Active health checks.
      {.message = "envoy.config.core.v3.HealthCheck",
       .implemented =
           "timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold "
           "healthy_threshold reuse_connection http_health_check tcp_health_check grpc_health_check "
           "no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval "
           "healthy_edge_interval tls_options event_log_path event_logger always_log_health_check_failures "
           "always_log_health_check_success",
       .no_effect = {{"alt_port", "Envoy does not read it; endpoints have health_check_config.port_value"}}},
      {.message = "envoy.config.core.v3.HealthCheck.HttpHealthCheck",
       .implemented = "host path send receive response_buffer_size request_headers_to_add "
                      "request_headers_to_remove expected_statuses retriable_statuses codec_client_type "
                      "service_name_matcher method"},
      {.message = "envoy.config.core.v3.HealthCheck.TcpHealthCheck", .implemented = "send receive"},
      {.message = "envoy.config.core.v3.HealthCheck.GrpcHealthCheck",
       .implemented = "service_name authority initial_metadata"},
      {.message = "envoy.config.core.v3.HealthCheck.Payload", .implemented = "text binary"},
      {.message = "envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink",
       .implemented = "event_log_path"},
      {.message = "envoy.config.core.v3.HealthCheck.TlsOptions", .implemented = "alpn_protocols"},

      // Load balancers in their own messages.
      {.message = "envoy.config.cluster.v3.LoadBalancingPolicy", .implemented = "policies"},
      {.message = "envoy.config.cluster.v3.LoadBalancingPolicy.Policy",
       .implemented = "typed_extension_config"},
      {.message = "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
       .implemented = "slow_start_config locality_lb_config"},
      {.message = "envoy.extensions.load_balancing_policies.random.v3.Random",
       .implemented = "locality_lb_config"},
      {.message = "envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3."
                  "ClientSideWeightedRoundRobin",
       .implemented = "blackout_period weight_expiration_period weight_update_period "
                      "error_utilization_penalty metric_names_for_computing_utilization slow_start_config",
       .no_effect = {{"oob_reporting_period", "it is about enable_oob_load_report, which is refused"}},
       .only = {{"enable_oob_load_report", "false"}}},
      {.message = "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
       .implemented = "choice_count active_request_bias slow_start_config locality_lb_config "
                      "enable_full_scan selection_method"},
      {.message = "envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality",
       .checked_by_reader = "endpoint_picking_policy"},
      {.message = "envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig",
       .implemented = "slow_start_window aggression min_weight_percent"},
      {.message = "envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash",
       .implemented = "hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing "
                      "hash_balance_factor consistent_hashing_lb_config locality_weighted_lb_config"},
      {.message = "envoy.extensions.load_balancing_policies.maglev.v3.Maglev",
       .implemented = "table_size consistent_hashing_lb_config locality_weighted_lb_config"},
      {.message = "envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig",
       .implemented = "use_hostname_for_hashing hash_balance_factor hash_policy"},
      {.message = "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig",
       .implemented = "locality_weighted_lb_config zone_aware_lb_config"},
      {.message = "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig",
       .implemented = "routing_enabled min_cluster_size fail_traffic_on_panic force_locality_direct_routing "
                      "force_local_zone locality_basis"},
      {.message = "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig."
                  "ForceLocalZone",
       .implemented = "min_size"},
      {.message =
           "envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.LocalityWeightedLbConfig",
       .implemented = ""},
      {.message = "envoy.extensions.load_balancing_policies.subset.v3.Subset",
       .implemented = "fallback_policy default_subset subset_selectors panic_mode_any list_as_any "
                      "locality_weight_aware",
       .checked_by_reader = "subset_lb_policy",
       .only = {{"metadata_fallback_policy", "METADATA_NO_FALLBACK"}, {"scale_locality_weight", "false"}}},
      {.message = "envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector",
       .implemented = "keys single_host_per_subset fallback_policy fallback_keys_subset"},

      // How the upstream is spoken to.
      {.message = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
       .implemented = "common_http_protocol_options upstream_http_protocol_options explicit_http_config "
                      "use_downstream_protocol_config auto_config"},
      {.message = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig",
       .implemented = "http_protocol_options http2_protocol_options"},
      {.message = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig",
       .implemented = "http_protocol_options http2_protocol_options",
       .no_effect = {{"http3_protocol_options", kNoQuic}}},
      {.message = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig",
       .implemented = "http_protocol_options http2_protocol_options",
       .no_effect = {{"alternate_protocols_cache_options", kNoQuic}}},

      // Endpoints.
      {.message = "envoy.config.endpoint.v3.ClusterLoadAssignment",
       .implemented = "cluster_name endpoints policy"},
      {.message = "envoy.config.endpoint.v3.ClusterLoadAssignment.Policy",
       .implemented = "overprovisioning_factor drop_overloads endpoint_stale_after"},
      {.message = "envoy.config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload",
       .implemented = "category drop_percentage"},
      // The proximity of a locality means nothing in Envoy either.
      {.message = "envoy.config.endpoint.v3.LocalityLbEndpoints",
       .implemented = "locality lb_endpoints priority load_balancing_weight proximity",
       .no_effect = {{"metadata", "no extension of this build reads it"}}},
      {.message = "envoy.config.endpoint.v3.LbEndpoint",
       .implemented = "endpoint health_status metadata load_balancing_weight"},
      {.message = "envoy.config.endpoint.v3.Endpoint",
       .implemented = "address hostname health_check_config additional_addresses"},
      {.message = "envoy.config.endpoint.v3.Endpoint.AdditionalAddress", .implemented = "address"},
      {.message = "envoy.config.endpoint.v3.Endpoint.HealthCheckConfig",
       .implemented = "port_value hostname address disable_active_health_check"},
  };
  return kRules;
}

}  // namespace remora::xds
