#include "envoy/extensions/upstreams/http/v3/http_protocol_options.pb.h"
#include "translate/cluster.h"
#include "translate/header_case.h"
#include "translate/http2_options.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using ProtoCluster = envoy::config::cluster::v3::Cluster;
using CommonOptions = envoy::config::core::v3::HttpProtocolOptions;
using Http1Options = envoy::config::core::v3::Http1ProtocolOptions;
using TypedOptions = envoy::extensions::upstreams::http::v3::HttpProtocolOptions;

constexpr std::string_view kOptionsKey = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Standing at the message.
void set_common(const CommonOptions& options, Context& context, ClusterConfig& out) {
  if (options.has_idle_timeout())
    out.idle_timeout = to_milliseconds(options.idle_timeout(), "idle_timeout", context);
  if (options.has_max_connection_duration()) {
    out.max_connection_duration =
        to_milliseconds(options.max_connection_duration(), "max_connection_duration", context);
  }
  if (options.has_max_requests_per_connection()) {
    out.max_requests_per_connection = options.max_requests_per_connection().value();
  }
  if (options.has_max_response_headers_kb())
    out.max_response_headers_kb = options.max_response_headers_kb().value();
  if (options.has_max_headers_count()) out.max_headers_count = options.max_headers_count().value();
  if (options.has_max_stream_duration()) context.unsupported("max_stream_duration", "a limit per cluster");
  if (options.headers_with_underscores_action() != CommonOptions::ALLOW) {
    context.warning("headers_with_underscores_action", "has no effect: it is for requests of clients");
  }
}

void set_http1(const Http1Options& options, Context& context, ClusterConfig& out) {
  out.enable_trailers = options.enable_trailers();
  out.header_case = to_header_case(options, context);
  if (options.has_allow_absolute_url() || options.accept_http_10() ||
      !options.default_host_for_http_10().empty()) {
    context.warning(
        "allow_absolute_url, accept_http_10 and default_host_for_http_10 have no effect on upstreams");
  }
}

template <typename Config>
void set_http2_of(const Config& config, Context& context, ClusterConfig& out) {
  if (!config.has_http2_protocol_options()) return;
  const auto scope = context.in("http2_protocol_options");
  Http2Options http2;
  set_http2(config.http2_protocol_options(), context, http2);
  out.http2 = http2;
}

/// The options of both protocols, which all three ways to choose between them hold.
template <typename Config>
void set_both(const Config& config, Context& context, ClusterConfig& out) {
  if (config.has_http_protocol_options()) {
    const auto http1 = context.in("http_protocol_options");
    set_http1(config.http_protocol_options(), context, out);
  }
  set_http2_of(config, context, out);
}

void set_protocol(const TypedOptions& options, Context& context, ClusterConfig& out) {
  if (options.has_explicit_http_config()) {
    const auto scope = context.in("explicit_http_config");
    set_both(options.explicit_http_config(), context, out);
    out.protocol = options.explicit_http_config().has_http2_protocol_options() ? UpstreamProtocol::kHttp2
                                                                               : UpstreamProtocol::kHttp1;
  } else if (options.has_use_downstream_protocol_config()) {
    const auto scope = context.in("use_downstream_protocol_config");
    set_both(options.use_downstream_protocol_config(), context, out);
    out.protocol = UpstreamProtocol::kDownstream;
  } else if (options.has_auto_config()) {
    const auto scope = context.in("auto_config");
    set_both(options.auto_config(), context, out);
    out.protocol = UpstreamProtocol::kAuto;
  }
}

void set_names(const envoy::config::core::v3::UpstreamHttpProtocolOptions& options, ClusterConfig& out) {
  out.auto_sni = options.auto_sni();
  out.auto_sni_header = lower(options.override_auto_sni_header());
  out.auto_san_validation = options.auto_san_validation();
}

void set_typed(const TypedOptions& options, Context& context, ClusterConfig& out) {
  if (options.has_common_http_protocol_options()) {
    const auto scope = context.in("common_http_protocol_options");
    set_common(options.common_http_protocol_options(), context, out);
  }
  if (options.has_upstream_http_protocol_options()) set_names(options.upstream_http_protocol_options(), out);
  set_protocol(options, context, out);
}

/// The older spelling: fields of the cluster itself.
void set_legacy(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  if (cluster.has_common_http_protocol_options()) {
    const auto scope = context.in("common_http_protocol_options");
    set_common(cluster.common_http_protocol_options(), context, out);
  }
  if (cluster.has_http_protocol_options()) {
    const auto scope = context.in("http_protocol_options");
    set_http1(cluster.http_protocol_options(), context, out);
  }
  set_http2_of(cluster, context, out);
  if (cluster.has_http2_protocol_options()) out.protocol = UpstreamProtocol::kHttp2;
  if (cluster.protocol_selection() == ProtoCluster::USE_DOWNSTREAM_PROTOCOL)
    out.protocol = UpstreamProtocol::kDownstream;
  if (cluster.has_upstream_http_protocol_options()) set_names(cluster.upstream_http_protocol_options(), out);
}

/// As in Envoy, the extension's options replace all of the older ones.
void warn_of_legacy(const ProtoCluster& cluster, Context& context) {
  const auto warn = [&](bool present, std::string_view field) {
    if (present)
      context.warning(field,
                      "has no effect: typed_extension_protocol_options has " + std::string(kOptionsKey));
  };
  warn(cluster.has_common_http_protocol_options(), "common_http_protocol_options");
  warn(cluster.has_http_protocol_options(), "http_protocol_options");
  warn(cluster.has_http2_protocol_options(), "http2_protocol_options");
  warn(cluster.has_upstream_http_protocol_options(), "upstream_http_protocol_options");
  warn(cluster.protocol_selection() != ProtoCluster::USE_CONFIGURED_PROTOCOL, "protocol_selection");
}

}  // namespace

void set_upstream_http(const ProtoCluster& cluster, Context& context, ClusterConfig& out) {
  if (cluster.has_max_requests_per_connection()) {
    out.max_requests_per_connection = cluster.max_requests_per_connection().value();
  }
  if (cluster.typed_extension_protocol_options().contains(std::string(kOptionsKey))) {
    warn_of_legacy(cluster, context);
  } else {
    set_legacy(cluster, context, out);
  }
  for (const auto& [key, any] : cluster.typed_extension_protocol_options()) {
    const auto scope = context.in_key("typed_extension_protocol_options", key);
    const TypedConfig config = unpack(any);
    const auto* options = dynamic_cast<const TypedOptions*>(config.message.get());
    if (key != kOptionsKey) {
      context.error("is not an extension that this build has");
    } else if (options == nullptr) {
      context.error("must hold " + std::string(kOptionsKey));
    } else {
      set_typed(*options, context, out);
    }
  }
}

}  // namespace remora::xds
