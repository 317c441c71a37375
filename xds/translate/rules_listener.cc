#include "translate/field_rules.h"

namespace remora::xds {
namespace {

constexpr std::string_view kNoQuic = "there is no HTTP/3";
constexpr std::string_view kNoTracing = "tracing is not implemented";

}  // namespace

std::span<const MessageRules> listener_rules() {
  static const MessageRules kRules[] = {
      {
          .message = "envoy.config.listener.v3.Listener",
          .implemented =
              "name address additional_addresses stat_prefix filter_chains default_filter_chain "
              "per_connection_buffer_limit_bytes transparent freebind traffic_direction "
              "enable_reuse_port tcp_backlog_size max_connections_to_accept_per_socket_event bind_to_port "
              "listener_filters_timeout continue_on_listener_filters_timeout use_original_dst socket_options "
              "access_log drain_type connection_balance_config bypass_overload_manager "
              "ignore_global_conn_limit",
          .checked_by_reader = "listener_filters",
          .no_effect = {{"metadata", "no extension of this build reads it"},
                        {"reuse_port", "Envoy does not read it any more; enable_reuse_port is the field"}},
      },
      {.message = "envoy.config.listener.v3.Listener.ConnectionBalanceConfig",
       .implemented = "exact_balance"},
      {.message = "envoy.config.listener.v3.Listener.ConnectionBalanceConfig.ExactBalance",
       .implemented = ""},
      {.message = "envoy.config.listener.v3.AdditionalAddress", .implemented = "address"},
      {.message = "envoy.config.listener.v3.FilterChain",
       .implemented = "filters transport_socket name filter_chain_match transport_socket_connect_timeout",
       .no_effect = {{"metadata", "no extension of this build reads it"}},
       .only = {{"use_proxy_proto", "false"}}},
      {.message = "envoy.config.listener.v3.FilterChainMatch",
       .implemented = "destination_port prefix_ranges direct_source_prefix_ranges source_type "
                      "source_prefix_ranges source_ports server_names transport_protocol "
                      "application_protocols"},
      {.message = "envoy.config.listener.v3.Filter",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
       .implemented =
           "codec_type stat_prefix rds scoped_routes http_filters common_http_protocol_options "
           "http_protocol_options "
           "server_name server_header_transformation max_request_headers_kb stream_idle_timeout "
           "request_timeout request_headers_timeout drain_timeout delayed_close_timeout access_log "
           "use_remote_address xff_num_trusted_hops internal_address_config skip_xff_append via "
           "generate_request_id preserve_external_request_id always_set_request_id_in_response "
           "forward_client_cert_details proxy_100_continue upgrade_configs normalize_path merge_slashes "
           "path_with_escaped_slashes_action strip_matching_host_port strip_any_host_port "
           "strip_trailing_host_dot append_x_forwarded_port http2_protocol_options "
           "set_current_client_cert_details stream_error_on_invalid_http_message local_reply_config "
           "access_log_options access_log_flush_interval flush_access_log_on_new_request "
           "scheme_header_transformation original_ip_detection_extensions early_header_mutation_extensions "
           "stream_flush_timeout append_local_overload",
       .checked_by_reader = "route_config request_id_extension",
       .no_effect = {{"http3_protocol_options", kNoQuic},
                     {"tracing", kNoTracing},
                     {"add_proxy_protocol_connection_state", "nothing of this build reads it"}},
       .only = {{"add_user_agent", "false"}}},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager."
                  "SetCurrentClientCertDetails",
       .implemented = "subject cert chain dns uri"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager."
                  "HcmAccessLogOptions",
       .implemented = "access_log_flush_interval flush_access_log_on_new_request "
                      "flush_log_on_tunnel_successfully_established"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig",
       .implemented = "mappers body_format"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper",
       .implemented = "filter status_code body body_format_override headers_to_add"},
      {.message = "envoy.extensions.http.original_ip_detection.xff.v3.XffConfig",
       .implemented = "xff_num_trusted_hops xff_trusted_cidrs skip_xff_append"},
      {.message = "envoy.extensions.http.original_ip_detection.xff.v3.XffTrustedCidrs",
       .implemented = "cidrs"},
      {.message = "envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig",
       .implemented = "header_name allow_extension_to_set_address_as_trusted reject_with_status"},
      {.message = "envoy.type.v3.HttpStatus", .implemented = "code"},
      {.message = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
       .implemented = "mutations"},
      {.message = "envoy.config.core.v3.SchemeHeaderTransformation",
       .implemented = "scheme_to_overwrite match_upstream"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.Rds",
       .implemented = "config_source route_config_name"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes",
       .implemented = "name scope_key_builder rds_config_source scoped_route_configurations_list"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes.ScopeKeyBuilder",
       .implemented = "fragments"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes."
                  "ScopeKeyBuilder.FragmentBuilder",
       .implemented = "header_value_extractor"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes."
                  "ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor",
       .implemented = "name element_separator index element"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes."
                  "ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor.KvElement",
       .implemented = "separator key"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.ScopedRouteConfigurationsList",
       .implemented = "scoped_route_configurations"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
       .implemented = "name is_optional disabled config_discovery",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.config.core.v3.ExtensionConfigSource",
       .implemented = "config_source apply_default_config_without_warming type_urls",
       .checked_by_reader = "default_config"},
      {.message =
           "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
       .implemented = "upgrade_type enabled"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager."
                  "InternalAddressConfig",
       .implemented = "unix_sockets cidr_ranges"},
      {.message = "envoy.config.listener.v3.ListenerFilter",
       .implemented = "name filter_disabled",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.config.listener.v3.ListenerFilterChainMatchPredicate",
       .implemented = "or_match and_match not_match any_match destination_port_range"},
      {.message = "envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet",
       .implemented = "rules"},
      {.message = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
       .implemented = "",
       .no_effect = {{"initial_read_buffer_size", "what comes is looked at where it is"}},
       .only = {{"enable_ja3_fingerprinting", "false"},
                {"enable_ja4_fingerprinting", "false"},
                {"close_connection_on_client_hello_parsing_errors", "false"},
                {"max_client_hello_size", "16384"}}},
      {.message = "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector", .implemented = ""},
      {.message = "envoy.extensions.filters.listener.original_dst.v3.OriginalDst", .implemented = ""},
      {.message = "envoy.extensions.filters.listener.original_src.v3.OriginalSrc",
       .implemented = "bind_port mark"},
      {.message = "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
       .implemented = "rules allow_requests_without_proxy_protocol disallowed_versions",
       .no_effect = {{"pass_through_tlvs", "upstreams are never told the PROXY protocol"}},
       .only = {{"tlv_location", "DYNAMIC_METADATA"}}},
      {.message = "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.Rule",
       .implemented = "tlv_type on_tlv_present"},
      {.message = "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair",
       .implemented = "metadata_namespace key"},
      {.message = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
       .implemented = "stat_prefix cluster weighted_clusters metadata_match idle_timeout access_log "
                      "max_connect_attempts max_downstream_connection_duration hash_policy",
       .only = {{"upstream_connect_mode", "IMMEDIATE"}}},
      {.message = "envoy.type.v3.HashPolicy", .implemented = "source_ip"},
      {.message = "envoy.type.v3.HashPolicy.SourceIp", .implemented = ""},
      {.message = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster",
       .implemented = "clusters"},
      {.message = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight",
       .implemented = "name weight metadata_match"},
      {.message = "envoy.extensions.filters.http.router.v3.Router",
       .implemented = "suppress_envoy_headers dynamic_stats upstream_log upstream_log_options "
                      "strict_check_headers respect_expected_rq_timeout "
                      "suppress_grpc_request_failure_code_stats",
       .no_effect = {{"start_child_span", "tracing is not implemented"}}},
      {.message = "envoy.extensions.filters.http.router.v3.Router.UpstreamAccessLogOptions",
       .implemented = "flush_upstream_log_on_upstream_stream upstream_log_flush_interval"},
  };
  return kRules;
}

}  // namespace remora::xds
