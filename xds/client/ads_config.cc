#include "client/ads_config.h"

#include <algorithm>

namespace remora::xds {
namespace {

namespace v3 = envoy::config::core::v3;
using envoy::config::bootstrap::v3::Bootstrap;

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

}  // namespace

std::vector<std::string> management_cluster_names(const Bootstrap& bootstrap) {
  std::vector<std::string> names;
  const auto& dynamic = bootstrap.dynamic_resources();
  for (const auto* source : {&dynamic.ads_config(), &dynamic.cds_config().api_config_source(),
                             &dynamic.lds_config().api_config_source()}) {
    if (source->grpc_services().empty()) continue;
    const std::string& name = source->grpc_services(0).envoy_grpc().cluster_name();
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

bool DynamicConfig::has_server() const {
  const auto is_server = [](const std::optional<ResourceSource>& source) {
    return source && source->kind == ResourceSource::Kind::kServer;
  };
  return ads || is_server(clusters) || is_server(listeners);
}

DynamicConfig to_dynamic_config(const Bootstrap& bootstrap, Context& context) {
  const auto& dynamic = bootstrap.dynamic_resources();
  const auto scope = context.in("dynamic_resources");
  DynamicConfig out;
  if (dynamic.has_lds_config())
    out.listeners = to_resource_source(dynamic.lds_config(), "lds_config", context);
  if (dynamic.has_cds_config())
    out.clusters = to_resource_source(dynamic.cds_config(), "cds_config", context);
  Context at_root(context.environment(), context.report());
  for (const std::string& name : management_cluster_names(bootstrap))
    check_grpc_cluster(bootstrap, name, at_root);
  if (!dynamic.has_ads_config()) {
    const auto is_ads = [](const std::optional<ResourceSource>& source) {
      return source && source->kind == ResourceSource::Kind::kAds;
    };
    if (is_ads(out.listeners) || is_ads(out.clusters))
      context.error("ads_config", "is required, because a source uses ads");
    return out;
  }
  AdsConfig& server = out.ads.emplace();
  const auto ads = context.in("ads_config");
  check_api(dynamic.ads_config(), context);
  server.is_delta = is_delta(dynamic.ads_config());
  server.node_on_first_message_only = dynamic.ads_config().set_node_on_first_message_only();
  if (dynamic.ads_config().grpc_services_size() == 0) return out;
  const auto service = context.in("grpc_services", 0);
  set_grpc_target(bootstrap, dynamic.ads_config().grpc_services(0), context, server);
  return out;
}

}  // namespace remora::xds
