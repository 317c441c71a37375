#include "client/ads_config.h"

#include "translate/values.h"

namespace remora::xds {
namespace {

namespace v3 = envoy::config::core::v3;
using envoy::config::bootstrap::v3::Bootstrap;

constexpr Milliseconds kDefaultFetchTimeout{15000};

bool is_delta(const v3::ApiConfigSource& source) {
  return source.api_type() == v3::ApiConfigSource::DELTA_GRPC;
}

void check_api(const v3::ApiConfigSource& source, Context& context) {
  if (source.api_type() != v3::ApiConfigSource::GRPC && !is_delta(source)) {
    context.unsupported("api_type", v3::ApiConfigSource::ApiType_Name(source.api_type()));
  }
  if (source.transport_api_version() == v3::V2) context.error("transport_api_version", "must be V3");
  if (source.grpc_services_size() == 0) context.error("grpc_services", "is required");
  if (source.grpc_services_size() > 1)
    context.unsupported("grpc_services", "more than one management server");
}

/// True if the source is ADS; records an error if it is something else.
bool uses_ads(const v3::ConfigSource& source, std::string_view field, Context& context,
              Milliseconds& fetch_timeout) {
  const auto scope = context.in(field);
  if (!source.has_ads()) {
    context.error("only ads is implemented by this build as a source");
    return false;
  }
  if (source.resource_api_version() == v3::V2) context.error("resource_api_version", "must be V3");
  fetch_timeout = source.has_initial_fetch_timeout()
                      ? to_milliseconds(source.initial_fetch_timeout(), "initial_fetch_timeout", context)
                      : kDefaultFetchTimeout;
  return true;
}

}  // namespace

std::string management_cluster_name(const Bootstrap& bootstrap) {
  const auto& services = bootstrap.dynamic_resources().ads_config().grpc_services();
  return services.empty() ? std::string() : services[0].envoy_grpc().cluster_name();
}

std::optional<AdsConfig> to_ads_config(const Bootstrap& bootstrap, Context& context) {
  const auto& dynamic = bootstrap.dynamic_resources();
  const auto scope = context.in("dynamic_resources");
  AdsConfig out;
  if (dynamic.has_lds_config()) {
    out.listeners = uses_ads(dynamic.lds_config(), "lds_config", context, out.listeners_fetch_timeout);
  }
  if (dynamic.has_cds_config()) {
    out.clusters = uses_ads(dynamic.cds_config(), "cds_config", context, out.clusters_fetch_timeout);
  }
  if (!dynamic.has_ads_config()) {
    if (out.listeners || out.clusters) context.error("ads_config", "is required, because a source uses ads");
    return std::nullopt;
  }
  {
    const auto ads = context.in("ads_config");
    check_api(dynamic.ads_config(), context);
    out.is_delta = is_delta(dynamic.ads_config());
    out.node_on_first_message_only = dynamic.ads_config().set_node_on_first_message_only();
    if (dynamic.ads_config().grpc_services_size() == 0) return std::nullopt;
    const auto service = context.in("grpc_services", 0);
    set_grpc_target(bootstrap, dynamic.ads_config().grpc_services(0), context, out);
  }
  Context at_root(context.environment(), context.report());
  check_grpc_cluster(bootstrap, management_cluster_name(bootstrap), at_root);
  return out;
}

}  // namespace remora::xds
