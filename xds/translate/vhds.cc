#include "translate/vhds.h"

namespace remora::xds {

std::shared_ptr<const ResourceSource> to_vhds_source(
    const envoy::config::route::v3::RouteConfiguration& config, bool ads_is_delta, Context& context) {
  if (!config.has_vhds()) return nullptr;
  const auto scope = context.in("vhds");
  const size_t errors = context.report().error_count();
  auto source = std::make_shared<const ResourceSource>(
      to_resource_source(config.vhds().config_source(), "config_source", context));
  if (context.report().error_count() != errors) return nullptr;
  const bool is_delta = source->kind == ResourceSource::Kind::kAds      ? ads_is_delta
                        : source->kind == ResourceSource::Kind::kServer ? source->is_delta
                                                                        : false;
  if (is_delta) return source;
  context.error("config_source", "must be a server with api_type DELTA_GRPC, or ads of that api_type");
  return nullptr;
}

}  // namespace remora::xds
