#include <algorithm>

#include "remora/filter/registry.h"
#include "translate/field_check.h"
#include "translate/route.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

using ProtoFilterConfig = envoy::config::route::v3::FilterConfig;

/// Standing at the configuration. `optional`: a type that this build does not have is said and passed over.
std::shared_ptr<const RouteFilterConfig> to_config(const std::string& name, const google::protobuf::Any& any,
                                                   bool optional, Context& context) {
  const TypedConfig config = unpack(any);
  if (!config.error.empty()) {
    context.error(config.error);
    return nullptr;
  }
  if (!knows_route_filter_config(config.type_url)) {
    const std::string text = "the per-route configuration of the HTTP filter '" + name + "', of type " +
                             std::string(config.type_name()) + ", is not implemented by this build";
    if (optional) {
      context.warning(text + "; it is optional and passed over");
    } else {
      context.error(text);
    }
    return nullptr;
  }
  if (config.message && has_rules(*config.message)) check_fields(*config.message, context);
  const Environment& environment = context.environment();
  const FilterFactoryContext factory_context{
      environment.stats, environment.node, {}, TrafficDirection::kUnspecified, &environment.runtime};
  return make_route_filter_config(name, config.type_url, config.bytes, config.is_struct, factory_context,
                                  context.path(), context.report());
}

/// The wrapper that turns a filter on or off, and may hold its configuration as well.
void set_wrapped(const ProtoFilterConfig& wrapper, Context& context, FilterOverride& out) {
  check_fields(wrapper, context);
  if (wrapper.disabled()) {
    out.disabled = true;
    if (wrapper.has_config()) context.warning("config", "has no effect: the filter is disabled here");
    return;
  }
  if (!wrapper.has_config()) return context.error("config", "is required, unless the filter is disabled");
  if (wrapper.config().type_url().empty()) return;  // only turned on
  const auto scope = context.in("config");
  out.config = to_config(out.filter, wrapper.config(), wrapper.is_optional(), context);
}

FilterOverride to_override(const std::string& name, const google::protobuf::Any& any, Context& context) {
  FilterOverride out;
  out.filter = name;
  if (type_name_of(any.type_url()) != ProtoFilterConfig::descriptor()->full_name()) {
    out.config = to_config(name, any, false, context);
    return out;
  }
  ProtoFilterConfig wrapper;
  if (any.UnpackTo(&wrapper)) {
    set_wrapped(wrapper, context, out);
  } else {
    context.error("the bytes are not a valid " + wrapper.GetTypeName());
  }
  return out;
}

}  // namespace

std::vector<FilterOverride> to_filter_overrides(const ProtoFilterConfigs& configs, Context& context) {
  std::vector<FilterOverride> out;
  out.reserve(configs.size());
  for (const auto& [name, any] : configs) {
    const auto scope = context.in_key("typed_per_filter_config", name);
    out.push_back(to_override(name, any, context));
  }
  std::ranges::sort(out, {}, &FilterOverride::filter);
  return out;
}

}  // namespace remora::xds
