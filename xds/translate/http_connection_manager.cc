#include "translate/access_log.h"
#include "translate/field_check.h"
#include "translate/first_sight.h"
#include "translate/header_case.h"
#include "translate/http2_options.h"
#include "translate/listener.h"
#include "translate/local_reply.h"
#include "translate/route.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using Config = HttpConnectionManagerConfig;
using Proto = ProtoConnectionManager;
using CommonOptions = envoy::config::core::v3::HttpProtocolOptions;

Config::Codec to_codec(const Proto& manager, Context& context) {
  switch (manager.codec_type()) {
    case Proto::HTTP1: return Config::Codec::kHttp1;
    case Proto::HTTP2: return Config::Codec::kHttp2;
    case Proto::HTTP3: context.unsupported("codec_type", "HTTP3"); break;
    default: break;
  }
  return Config::Codec::kAuto;
}

void set_routes(const Proto& manager, Context& context, TranslatedConnectionManager& result) {
  if (manager.has_route_config()) {
    const auto scope = context.in("route_config");
    result.config->routes = translate_routes(manager.route_config(), {}, true, context);
  } else if (manager.has_rds()) {
    const auto scope = context.in("rds");
    const std::string& name = manager.rds().route_config_name();
    if (name.empty()) context.error("route_config_name", "is required");
    if (!manager.rds().has_config_source()) return context.error("config_source", "is required");
    auto source = to_resource_source(manager.rds().config_source(), "config_source", context);
    result.config->rds_name = resource_key(name, source.key);
    result.routes.push_back({result.config->rds_name, name, manager.stat_prefix(),
                             std::make_shared<const ResourceSource>(std::move(source))});
  } else if (manager.has_scoped_routes()) {
    const auto scope = context.in("scoped_routes");
    result.config->scopes =
        to_scoped_routes(manager.scoped_routes(), manager.stat_prefix(), context, result.routes);
  }
}

void set_timeouts(const Proto& manager, Context& context, Config& out) {
  const auto take = [&](bool present, const google::protobuf::Duration& value, std::string_view field,
                        Milliseconds& target) {
    if (present) target = to_milliseconds(value, field, context);
  };
  take(manager.has_stream_idle_timeout(), manager.stream_idle_timeout(), "stream_idle_timeout",
       out.stream_idle_timeout);
  if (manager.has_stream_flush_timeout())
    out.stream_flush_timeout =
        to_milliseconds(manager.stream_flush_timeout(), "stream_flush_timeout", context);
  take(manager.has_request_timeout(), manager.request_timeout(), "request_timeout", out.request_timeout);
  take(manager.has_request_headers_timeout(), manager.request_headers_timeout(), "request_headers_timeout",
       out.request_headers_timeout);
  take(manager.has_drain_timeout(), manager.drain_timeout(), "drain_timeout", out.drain_timeout);
  take(manager.has_delayed_close_timeout(), manager.delayed_close_timeout(), "delayed_close_timeout",
       out.delayed_close_timeout);
  if (!manager.has_common_http_protocol_options()) return;
  const auto scope = context.in("common_http_protocol_options");
  const auto& common = manager.common_http_protocol_options();
  take(common.has_idle_timeout(), common.idle_timeout(), "idle_timeout", out.idle_timeout);
  take(common.has_max_connection_duration(), common.max_connection_duration(), "max_connection_duration",
       out.max_connection_duration);
  take(common.has_max_stream_duration(), common.max_stream_duration(), "max_stream_duration",
       out.max_stream_duration);
}

Config::Underscores to_underscores(CommonOptions::HeadersWithUnderscoresAction action) {
  switch (action) {
    case CommonOptions::REJECT_REQUEST: return Config::Underscores::kReject;
    case CommonOptions::DROP_HEADER: return Config::Underscores::kDrop;
    default: return Config::Underscores::kAllow;
  }
}

/// access_log_options, or the older fields that say the same.
void set_log_options(const Proto& manager, Context& context, Config& out) {
  const bool older = manager.flush_access_log_on_new_request() || manager.has_access_log_flush_interval();
  if (older && manager.has_access_log_options())
    return context.error(
        "access_log_options",
        "cannot be set beside flush_access_log_on_new_request and access_log_flush_interval");
  const auto& options = manager.access_log_options();
  out.log_new_requests =
      manager.flush_access_log_on_new_request() || options.flush_access_log_on_new_request();
  out.log_established_tunnels = options.flush_log_on_tunnel_successfully_established();
  if (manager.has_access_log_flush_interval())
    out.log_interval =
        to_milliseconds(manager.access_log_flush_interval(), "access_log_flush_interval", context);
  if (!options.has_access_log_flush_interval()) return;
  const auto scope = context.in("access_log_options");
  out.log_interval =
      to_milliseconds(options.access_log_flush_interval(), "access_log_flush_interval", context);
}

void set_limits(const Proto& manager, Context& context, Config& out) {
  if (manager.has_max_request_headers_kb())
    out.max_request_headers_kb = manager.max_request_headers_kb().value();
  const auto scope = context.in("common_http_protocol_options");
  const auto& common = manager.common_http_protocol_options();
  if (common.has_max_headers_count()) out.max_headers_count = common.max_headers_count().value();
  if (common.has_max_requests_per_connection()) {
    out.max_requests_per_connection = common.max_requests_per_connection().value();
  }
  out.append_local_overload = manager.append_local_overload();
  out.underscores = to_underscores(common.headers_with_underscores_action());
  if (common.has_max_response_headers_kb()) {
    context.warning("max_response_headers_kb", "has no effect: it is for upstream connections");
  }
}

Config::ForwardClientCert to_forward_client_cert(Proto::ForwardClientCertDetails details) {
  switch (details) {
    case Proto::FORWARD_ONLY: return Config::ForwardClientCert::kForwardOnly;
    case Proto::APPEND_FORWARD: return Config::ForwardClientCert::kAppendForward;
    case Proto::SANITIZE_SET: return Config::ForwardClientCert::kSanitizeSet;
    case Proto::ALWAYS_FORWARD_ONLY: return Config::ForwardClientCert::kAlwaysForwardOnly;
    default: return Config::ForwardClientCert::kSanitize;
  }
}

Config::ClientCertDetails to_cert_details(const Proto::SetCurrentClientCertDetails& details) {
  return {.subject = details.subject().value(),
          .cert = details.cert(),
          .chain = details.chain(),
          .dns = details.dns(),
          .uri = details.uri()};
}

Config::ServerHeader to_server_header(Proto::ServerHeaderTransformation transformation) {
  switch (transformation) {
    case Proto::APPEND_IF_ABSENT: return Config::ServerHeader::kAppendIfAbsent;
    case Proto::PASS_THROUGH: return Config::ServerHeader::kPassThrough;
    default: return Config::ServerHeader::kOverwrite;
  }
}

void set_scheme(const envoy::config::core::v3::SchemeHeaderTransformation& scheme, Context& context,
                Config& out) {
  const auto scope = context.in("scheme_header_transformation");
  out.scheme = scheme.scheme_to_overwrite();
  if (!out.scheme.empty() && out.scheme != "http" && out.scheme != "https")
    context.error("scheme_to_overwrite", "must be http or https");
  out.scheme_of_upstream = scheme.match_upstream();
}

void set_identity(const Proto& manager, Context& context, Config& out) {
  if (!manager.server_name().empty()) out.server_name = manager.server_name();
  out.server_header = to_server_header(manager.server_header_transformation());
  out.via = manager.via();
  out.use_remote_address = manager.use_remote_address().value();
  out.xff_num_trusted_hops = manager.xff_num_trusted_hops();
  out.skip_xff_append = manager.skip_xff_append();
  out.generate_request_id = !manager.has_generate_request_id() || manager.generate_request_id().value();
  out.preserve_external_request_id = manager.preserve_external_request_id();
  out.always_set_request_id_in_response = manager.always_set_request_id_in_response();
  out.append_x_forwarded_port = manager.append_x_forwarded_port();
  out.forward_client_cert = to_forward_client_cert(manager.forward_client_cert_details());
  out.client_cert_details = to_cert_details(manager.set_current_client_cert_details());
  set_scheme(manager.scheme_header_transformation(), context, out);
  const auto scope = context.in("internal_address_config");
  const auto& internal = manager.internal_address_config();
  out.unix_sockets_internal = internal.unix_sockets();
  for (int i = 0; i < internal.cidr_ranges_size(); ++i) {
    const auto range = context.in("cidr_ranges", i);
    out.internal_ranges.push_back(to_cidr(internal.cidr_ranges(i), context));
  }
}

Config::EscapedSlashes to_escaped_slashes(Proto::PathWithEscapedSlashesAction action) {
  switch (action) {
    case Proto::REJECT_REQUEST: return Config::EscapedSlashes::kReject;
    case Proto::UNESCAPE_AND_REDIRECT: return Config::EscapedSlashes::kUnescapeAndRedirect;
    case Proto::UNESCAPE_AND_FORWARD: return Config::EscapedSlashes::kUnescapeAndForward;
    default: return Config::EscapedSlashes::kKeep;
  }
}

void set_path_and_host(const Proto& manager, Context& context, Config& out) {
  out.normalize_path = manager.normalize_path().value();
  const auto& runtime = context.environment().runtime;
  const auto normalize = runtime.find("http_connection_manager.normalize_path");
  if (!manager.has_normalize_path() && normalize != runtime.end())
    out.normalize_path = normalize->second == "true";
  out.merge_slashes = manager.merge_slashes();
  out.escaped_slashes = to_escaped_slashes(manager.path_with_escaped_slashes_action());
  out.strip_matching_host_port = manager.strip_matching_host_port();
  out.strip_any_host_port = manager.strip_any_host_port();
  if (out.strip_any_host_port && out.strip_matching_host_port) {
    context.error("only one of strip_matching_host_port and strip_any_host_port can be set");
  }
  out.strip_trailing_host_dot = manager.strip_trailing_host_dot();
}

void set_http1(const Proto& manager, Context& context, Config& out) {
  const auto& http1 = manager.http_protocol_options();
  out.allow_absolute_url = !http1.has_allow_absolute_url() || http1.allow_absolute_url().value();
  out.accept_http_10 = http1.accept_http_10();
  out.default_host_for_http_10 = http1.default_host_for_http_10();
  out.enable_trailers = http1.enable_trailers();
  const auto scope = context.in("http_protocol_options");
  out.header_case = to_header_case(http1, context);
  out.proxy_100_continue = manager.proxy_100_continue();
}

void set_downstream_http2(const Proto& manager, Context& context, Config& out) {
  if (manager.has_stream_error_on_invalid_http_message()) {
    out.http2.stream_error_on_invalid_http_messaging = manager.stream_error_on_invalid_http_message().value();
    if (manager.stream_error_on_invalid_http_message().value()) {
      context.warning("stream_error_on_invalid_http_message",
                      "has no effect on HTTP/1: a connection closes after an invalid message");
    }
  }
  const auto scope = context.in("http2_protocol_options");
  set_http2(manager.http2_protocol_options(), context, out.http2);
}

void set_upgrades(const Proto& manager, Context& context, Config& out) {
  for (int i = 0; i < manager.upgrade_configs_size(); ++i) {
    const auto scope = context.in("upgrade_configs", i);
    const auto& upgrade = manager.upgrade_configs(i);
    const std::string type = lower(upgrade.upgrade_type());
    if (type.empty()) context.error("upgrade_type", "is required");
    if (upgrade.has_enabled() && !upgrade.enabled().value()) continue;
    out.upgrades.push_back(type);
  }
}

/// Request ids are UUIDs, as they are without an extension. What else that one's fields say is about traces.
void check_request_id_extension(const Proto& manager, Context& context) {
  if (!manager.has_request_id_extension()) return;
  const auto scope = context.in("request_id_extension");
  const TypedConfig config = unpack(manager.request_id_extension().typed_config());
  if (config.type_name() != "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig")
    return refuse_extension("request id extension", "", config, context);
  if (!config.bytes.empty()) context.warning("typed_config", "has no effect: requests are not traced");
}

}  // namespace

TranslatedConnectionManager to_connection_manager(const Proto& manager, TrafficDirection direction,
                                                  Context& context) {
  check_fields(manager, context);
  TranslatedConnectionManager result;
  result.config = std::make_shared<Config>();
  Config& out = *result.config;
  out.stat_prefix = manager.stat_prefix();
  out.codec = to_codec(manager, context);
  set_routes(manager, context, result);
  set_http_filters(manager, direction, context, result);
  out.access_logs = to_access_logs(manager.access_log(), "access_log", context);
  set_log_options(manager, context, out);
  if (manager.has_local_reply_config()) {
    const auto scope = context.in("local_reply_config");
    out.local_reply =
        std::make_shared<const LocalReplyConfig>(to_local_reply(manager.local_reply_config(), context));
  }
  set_timeouts(manager, context, out);
  set_limits(manager, context, out);
  set_identity(manager, context, out);
  set_first_sight(manager, context, out);
  check_request_id_extension(manager, context);
  set_path_and_host(manager, context, out);
  set_http1(manager, context, out);
  set_downstream_http2(manager, context, out);
  set_upgrades(manager, context, out);
  return result;
}

}  // namespace remora::xds
