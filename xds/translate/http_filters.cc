#include <algorithm>

#include "envoy/extensions/filters/http/router/v3/router.pb.h"
#include "remora/filter/registry.h"
#include "translate/field_check.h"
#include "translate/listener.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

using ProtoFilter = envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter;
using envoy::extensions::filters::http::router::v3::Router;

/// Standing at the filter.
void set_router(const Router& router, Context& context, HttpConnectionManagerConfig& out) {
  const auto scope = context.in("typed_config");
  check_fields(router, context);
  out.suppress_envoy_headers = router.suppress_envoy_headers();
}

/// Standing at the filter. False: a type that this build does not have.
bool add_filter(const ProtoFilter& filter, const TypedConfig& config,
                const FilterFactoryContext& factory_context, Context& context,
                HttpConnectionManagerConfig& out) {
  if (!config.error.empty() || !knows_filter(config.type_url)) return false;
  const auto scope = context.in("typed_config");
  if (config.message && has_rules(*config.message)) check_fields(*config.message, context);
  auto factory = make_filter(filter.name(), config.type_url, config.bytes, config.is_struct, factory_context,
                             context.path(), context.report());
  if (factory) out.filters.push_back({std::move(factory), filter.disabled()});
  return true;
}

class Chain {
 public:
  Chain(const FilterFactoryContext& factory_context, Context& context, HttpConnectionManagerConfig& out)
      : factory_context_(factory_context),
        context_(context),
        out_(out) {}

  /// Standing at the filter.
  void add(const ProtoFilter& filter, bool last) {
    const TypedConfig config = unpack(filter.typed_config());
    if (const auto* router = dynamic_cast<const Router*>(config.message.get()))
      return add_router(*router, last);
    if (last) context_.error("the last filter must be the router");
    if (add_filter(filter, config, factory_context_, context_, out_)) return;
    if (filter.is_optional() && config.error.empty()) {
      context_.warning("the HTTP filter '" + filter.name() + "' of type " + std::string(config.type_name()) +
                       " is not implemented by this build; it is optional and left out");
    } else {
      refuse_extension("HTTP filter", filter.name(), config, context_);
    }
  }

 private:
  void add_router(const Router& router, bool last) {
    if (!last) context_.error("the router ends the chain: it must be the last filter");
    set_router(router, context_, out_);
  }

  const FilterFactoryContext& factory_context_;
  Context& context_;
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
                      HttpConnectionManagerConfig& out) {
  const auto& filters = manager.http_filters();
  if (filters.empty()) return context.error("http_filters", "must end with the router");
  const Environment& environment = context.environment();
  const FilterFactoryContext factory_context{
      environment.stats, environment.node, "http." + out.stat_prefix + ".", direction, &environment.runtime};
  Chain chain(factory_context, context, out);
  for (int i = 0; i < filters.size(); ++i) {
    const auto scope = context.in("http_filters", i);
    chain.add(filters[i], i + 1 == filters.size());
  }
  warn_about_strangers(context, out);
}

}  // namespace remora::xds
