#include <algorithm>

#include "remora/filter/registry.h"
#include "translate/field_check.h"
#include "translate/listener.h"
#include "translate/router.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

/// Standing at the filter.
void set_router(const std::string& name, const ProtoRouter& router, Context& context,
                HttpConnectionManagerConfig& out) {
  const auto scope = context.in("typed_config");
  check_fields(router, context);
  out.suppress_envoy_headers = router.suppress_envoy_headers();
  if (!needs_entry(router)) return;
  out.filters.push_back({std::make_shared<const RouterEntry>(name, to_router(router, context)), true});
}

/// Standing at the filter. False: a type that this build does not have.
bool add_filter(const ProtoHttpFilter& filter, const TypedConfig& config, const FilterPlace& place,
                Context& context, HttpConnectionManagerConfig& out) {
  if (!config.error.empty() || !knows_filter(config.type_url)) return false;
  const auto scope = context.in("typed_config");
  if (config.message && has_rules(*config.message)) check_fields(*config.message, context);
  auto factory =
      make_filter(filter.name(), config.type_url, config.bytes, config.is_struct,
                  factory_context_of(place, context.environment()), context.path(), context.report());
  if (factory) out.filters.push_back({std::move(factory), filter.disabled()});
  return true;
}

class Chain {
 public:
  Chain(Context& context, TranslatedConnectionManager& result)
      : context_(context),
        result_(result),
        out_(*result.config) {}

  /// Standing at the filter.
  void add(const ProtoHttpFilter& filter, const FilterPlace& place) {
    if (filter.has_config_discovery()) return add_extension(filter, place);
    const TypedConfig config = unpack(filter.typed_config());
    if (const auto* router = dynamic_cast<const ProtoRouter*>(config.message.get()))
      return add_router(filter.name(), *router, place.is_last);
    if (place.is_last) context_.error("the last filter must be the router");
    if (add_filter(filter, config, place, context_, out_)) return;
    if (filter.is_optional() && config.error.empty()) {
      context_.warning("the HTTP filter '" + filter.name() + "' of type " + std::string(config.type_name()) +
                       " is not implemented by this build; it is optional and left out");
    } else {
      refuse_extension("HTTP filter", filter.name(), config, context_);
    }
  }

 private:
  void add_router(const std::string& name, const ProtoRouter& router, bool last) {
    if (!last) context_.error("the router ends the chain: it must be the last filter");
    set_router(name, router, context_, out_);
  }

  /// It gets its place in the chain, whatever will come.
  void add_extension(const ProtoHttpFilter& filter, const FilterPlace& place) {
    if (filter.is_optional() && !place.is_last && ExtensionFilter::is_unknown(filter)) {
      return context_.warning("the HTTP filter '" + filter.name() +
                              "' is of types that this build does not have; it is optional and left out");
    }
    auto extension = ExtensionFilter::read(filter, place, context_);
    if (!extension) return;
    const auto scope = context_.in("config_discovery");
    auto source = to_resource_source(filter.config_discovery().config_source(), "config_source", context_);
    const ExtensionFilter::Made& made = extension->fallback();
    if (place.is_last) out_.suppress_envoy_headers = made.suppress_envoy_headers;
    const std::string key = resource_key(filter.name(), source.key);
    result_.extensions.push_back({.key = key,
                                  .name = filter.name(),
                                  .source = share(std::move(source)),
                                  .filter = extension,
                                  .place = out_.filters.size()});
    out_.filters.push_back({made.factory, filter.disabled()});
  }

  Context& context_;
  TranslatedConnectionManager& result_;
  HttpConnectionManagerConfig& out_;
};

/// Routes of a listener's own can be held against its filters: those that come by RDS serve any listener.
void warn_about_strangers(Context& context, const HttpConnectionManagerConfig& manager) {
  if (!manager.routes) return;
  for (const std::string& name : manager.routes->config().overridden_filters) {
    const auto same = [&](const HttpFilterEntry& entry) { return entry.factory->name() == name; };
    if (std::ranges::any_of(manager.filters, same)) continue;
    context.warning("route_config", "typed_per_filter_config[\"" + name +
                                        "\"] has no effect: no filter of http_filters has this name");
  }
}

}  // namespace

void set_http_filters(const ProtoConnectionManager& manager, TrafficDirection direction, Context& context,
                      TranslatedConnectionManager& out) {
  const auto& filters = manager.http_filters();
  if (filters.empty()) return context.error("http_filters", "must end with the router");
  Chain chain(context, out);
  for (int i = 0; i < filters.size(); ++i) {
    const auto scope = context.in("http_filters", i);
    chain.add(filters[i], {out.config->stat_prefix, direction, i + 1 == filters.size()});
  }
  warn_about_strangers(context, *out.config);
}

}  // namespace remora::xds
