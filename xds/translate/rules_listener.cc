#include "translate/field_rules.h"

namespace remora::xds {
namespace {

constexpr std::string_view kNoQuic = "there is no HTTP/3";
constexpr std::string_view kNoOverload = "there is no overload manager";

}  // namespace

std::span<const MessageRules> listener_rules() {
  static const MessageRules kRules[] = {
      {.message = "envoy.config.listener.v3.Listener",
       .implemented =
           "name address additional_addresses stat_prefix filter_chains default_filter_chain "
           "per_connection_buffer_limit_bytes transparent freebind traffic_direction "
           "enable_reuse_port tcp_backlog_size max_connections_to_accept_per_socket_event bind_to_port "
           "",
       .checked_by_reader = "listener_filters",
       .no_effect = {{"metadata", "no extension of this build reads it"},
                     {"reuse_port", "Envoy does not read it any more; enable_reuse_port is the field"},
                     {"listener_filters_timeout continue_on_listener_filters_timeout",
                      "there are no listener filters"},
                     {"bypass_overload_manager", kNoOverload},
                     {"ignore_global_conn_limit", "there is no global limit of connections"}},
       .only = {{"use_original_dst", "false"}, {"drain_type", "DEFAULT"}}},
      {.message = "envoy.config.listener.v3.AdditionalAddress", .implemented = "address"},
      {.message = "envoy.config.listener.v3.FilterChain",
       .implemented = "filters transport_socket name",
       .checked_by_reader = "filter_chain_match",
       .no_effect = {{"metadata", "no extension of this build reads it"},
                     {"transport_socket_connect_timeout", "plain connections have no handshake"}},
       .only = {{"use_proxy_proto", "false"}}},
      {.message = "envoy.config.listener.v3.Filter",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
       .implemented =
           "codec_type stat_prefix rds http_filters common_http_protocol_options http_protocol_options "
           "server_name server_header_transformation max_request_headers_kb stream_idle_timeout "
           "request_timeout request_headers_timeout drain_timeout delayed_close_timeout access_log "
           "use_remote_address xff_num_trusted_hops internal_address_config skip_xff_append via "
           "generate_request_id preserve_external_request_id always_set_request_id_in_response "
           "forward_client_cert_details proxy_100_continue upgrade_configs normalize_path merge_slashes "
           "path_with_escaped_slashes_action strip_matching_host_port strip_any_host_port "
           "strip_trailing_host_dot append_x_forwarded_port http2_protocol_options "
           "set_current_client_cert_details stream_error_on_invalid_http_message",
       .checked_by_reader = "route_config",
       .no_effect = {{"http3_protocol_options", kNoQuic},
                     {"add_proxy_protocol_connection_state", "there is no PROXY protocol"},
                     {"append_local_overload", kNoOverload}},
       .only = {{"add_user_agent", "false"}}},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager."
                  "SetCurrentClientCertDetails",
       .implemented = "subject cert chain dns uri"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.Rds",
       .implemented = "config_source route_config_name"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter",
       .implemented = "name is_optional disabled",
       .checked_by_reader = "typed_config"},
      {.message =
           "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig",
       .implemented = "upgrade_type enabled"},
      {.message = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager."
                  "InternalAddressConfig",
       .implemented = "unix_sockets cidr_ranges"},
      {.message = "envoy.extensions.filters.http.router.v3.Router",
       .implemented = "suppress_envoy_headers ",
       .no_effect = {{"start_child_span", "tracing is not implemented"},
                     {"dynamic_stats", "counters by status code cost nothing here and are always kept"}}},
  };
  return kRules;
}

}  // namespace remora::xds
