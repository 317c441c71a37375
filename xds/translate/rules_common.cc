#include "translate/field_rules.h"

namespace remora::xds {

std::span<const MessageRules> common_rules() {
  static const MessageRules kRules[] = {
      {.message = "envoy.config.core.v3.Address", .implemented = "socket_address pipe"},
      {.message = "envoy.config.core.v3.SocketAddress",
       .implemented = "address port_value",
       .only = {{"protocol", "TCP"}}},
      {.message = "envoy.config.core.v3.Pipe", .implemented = "path"},
      {.message = "envoy.config.core.v3.SocketOption",
       .implemented = "level name int_value buf_value state",
       .no_effect = {{"description", "it is for those who read the configuration"}}},
      {.message = "envoy.config.core.v3.SocketOptionsOverride", .implemented = "socket_options"},
      {.message = "envoy.config.core.v3.BindConfig",
       .implemented = "source_address freebind socket_options extra_source_addresses"},
      {.message = "envoy.config.core.v3.ExtraSourceAddress", .implemented = "address socket_options"},
      {.message = "envoy.config.core.v3.CidrRange", .implemented = "address_prefix prefix_len"},
      {.message = "envoy.config.core.v3.Locality", .implemented = "region zone sub_zone"},
      {.message = "envoy.config.core.v3.Metadata",
       .implemented = "filter_metadata",
       .no_effect = {{"typed_filter_metadata", "no extension of this build reads typed metadata"}}},
      {.message = "envoy.config.core.v3.DataSource",
       .implemented = "filename inline_bytes inline_string environment_variable"},
      {.message = "envoy.config.core.v3.TypedExtensionConfig", .implemented = "name typed_config"},
      {.message = "envoy.config.core.v3.TransportSocket",
       .implemented = "name",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer", .implemented = ""},
      {.message = "envoy.config.core.v3.HeaderValue", .implemented = "key value"},
      {.message = "envoy.config.core.v3.HeaderValueOption",
       .implemented = "header append append_action keep_empty_value"},
      {.message = "envoy.config.core.v3.RuntimeFractionalPercent",
       .implemented = "default_value runtime_key"},
      {.message = "envoy.config.core.v3.RuntimeDouble", .implemented = "default_value runtime_key"},
      {.message = "envoy.config.core.v3.RuntimeUInt32", .implemented = "default_value runtime_key"},
      {.message = "envoy.type.v3.FractionalPercent", .implemented = "numerator denominator"},
      {.message = "envoy.type.v3.Percent", .implemented = "value"},
      {.message = "envoy.type.v3.Int64Range", .implemented = "start end"},
      {.message = "envoy.type.v3.Int32Range", .implemented = "start end"},
      {.message = "envoy.type.matcher.v3.StringMatcher",
       .implemented = "exact prefix suffix safe_regex contains ignore_case"},
      {.message = "envoy.type.matcher.v3.RegexMatcher",
       .implemented = "regex",
       .no_effect = {{"google_re2", "RE2 is the only engine"}}},
      {.message = "envoy.type.matcher.v3.RegexMatchAndSubstitute", .implemented = "pattern substitution"},
      {.message = "envoy.config.core.v3.HttpProtocolOptions",
       .implemented = "idle_timeout max_connection_duration max_headers_count max_response_headers_kb "
                      "max_stream_duration headers_with_underscores_action max_requests_per_connection"},
      {.message = "envoy.config.core.v3.Http1ProtocolOptions",
       .implemented =
           "allow_absolute_url accept_http_10 default_host_for_http_10 header_key_format enable_trailers",
       .no_effect = {{"use_balsa_parser", "this build has one HTTP/1 parser, its own"}},
       .only = {{"override_stream_error_on_invalid_http_message", "false"}}},
      {.message = "envoy.config.core.v3.Http2ProtocolOptions",
       .implemented =
           "hpack_table_size max_concurrent_streams initial_stream_window_size "
           "initial_connection_window_size "
           "allow_connect max_outbound_frames max_outbound_control_frames "
           "max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream "
           "max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging "
           "override_stream_error_on_invalid_http_message connection_keepalive",
       .no_effect = {{"use_oghttp2_codec", "this build has one HTTP/2 codec, nghttp2"},
                     {"max_metadata_size", "METADATA frames are never taken"}},
       .only = {{"allow_metadata", "false"}}},
      {.message = "envoy.config.core.v3.KeepaliveSettings",
       .implemented = "interval timeout interval_jitter connection_idle_interval"},
      {.message = "envoy.config.core.v3.UpstreamHttpProtocolOptions",
       .implemented = "auto_sni auto_san_validation override_auto_sni_header"},
      {.message = "envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat",
       .implemented = "proper_case_words"},
      {.message = "envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords",
       .implemented = ""},

      // Where configuration comes from.
      {.message = "envoy.config.core.v3.ConfigSource",
       .implemented = "ads api_config_source path_config_source path initial_fetch_timeout "
                      "resource_api_version"},
      {.message = "envoy.config.core.v3.PathConfigSource", .implemented = "path watched_directory"},
      {.message = "envoy.config.core.v3.WatchedDirectory", .implemented = "path"},
      {.message = "envoy.config.core.v3.AggregatedConfigSource", .implemented = ""},
      {.message = "envoy.config.core.v3.ApiConfigSource",
       .implemented = "api_type transport_api_version grpc_services set_node_on_first_message_only",
       .no_effect = {{"refresh_delay request_timeout",
                      "it is for REST sources, which this build does not have"}}},
      {.message = "envoy.config.core.v3.GrpcService",
       .implemented = "envoy_grpc google_grpc initial_metadata"},
      {.message = "envoy.config.core.v3.GrpcService.EnvoyGrpc",
       .implemented = "cluster_name authority max_receive_message_length",
       .no_effect = {{"skip_envoy_headers", "gRPC's own client never adds them"}}},
      {.message = "envoy.config.core.v3.GrpcService.GoogleGrpc",
       .implemented = "target_uri",
       .no_effect = {{"stat_prefix", "gRPC's own client keeps no statistics here"}}},

      // Access logs.
      {.message = "envoy.config.accesslog.v3.AccessLog",
       .implemented = "name filter",
       .checked_by_reader = "typed_config"},
      {.message = "envoy.config.accesslog.v3.AccessLogFilter",
       .implemented =
           "status_code_filter duration_filter not_health_check_filter runtime_filter and_filter or_filter "
           "header_filter response_flag_filter"},
      {.message = "envoy.config.accesslog.v3.StatusCodeFilter", .implemented = "comparison"},
      {.message = "envoy.config.accesslog.v3.DurationFilter", .implemented = "comparison"},
      {.message = "envoy.config.accesslog.v3.ComparisonFilter", .implemented = "op value"},
      {.message = "envoy.config.accesslog.v3.NotHealthCheckFilter", .implemented = ""},
      {.message = "envoy.config.accesslog.v3.RuntimeFilter",
       .implemented = "runtime_key percent_sampled",
       .no_effect = {{"use_independent_randomness", "sampling never depends on the request id"}}},
      {.message = "envoy.config.accesslog.v3.AndFilter", .implemented = "filters"},
      {.message = "envoy.config.accesslog.v3.OrFilter", .implemented = "filters"},
      {.message = "envoy.config.accesslog.v3.HeaderFilter", .implemented = "header"},
      {.message = "envoy.config.accesslog.v3.ResponseFlagFilter", .implemented = "flags"},
      {.message = "envoy.extensions.access_loggers.file.v3.FileAccessLog",
       .implemented = "path format json_format typed_json_format log_format"},
      {.message = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", .implemented = "log_format"},
      {.message = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog", .implemented = "log_format"},
      {.message = "envoy.config.core.v3.SubstitutionFormatString",
       .implemented = "text_format json_format text_format_source omit_empty_values json_format_options",
       .no_effect = {{"content_type", "it is for bodies of local replies, not for logs"}}},
      {.message = "envoy.config.core.v3.JsonFormatOptions", .implemented = "sort_properties"},
  };
  return kRules;
}

}  // namespace remora::xds
