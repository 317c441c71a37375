#include "translate/extension_filter.h"

#include <algorithm>

#include "remora/filter/registry.h"
#include "translate/field_check.h"
#include "translate/router.h"
#include "translate/typed_config.h"

namespace remora::xds {
namespace {

/// Ends every request that meets it: what it should do is not known.
class MissingFilter final : public HttpFilter {
 public:
  Verdict on_request_head(FilterContext&, HeaderMap&, bool) override {
    return Verdict::reply({.status = 500, .flag = ResponseFlag::kNoFilterConfigFound});
  }
};

/// What stands for a filter that is not there.
template <typename Filter>
class Placeholder final : public FilterFactory {
 public:
  explicit Placeholder(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::unique_ptr<HttpFilter> create() const override { return std::make_unique<Filter>(); }
  [[nodiscard]] bool stateless() const override { return true; }

 private:
  const std::string name_;
};

bool is_router(std::string_view type) { return type == ProtoRouter::descriptor()->full_name(); }

}  // namespace

FilterFactoryContext factory_context_of(const FilterPlace& place, const Environment& environment) {
  return {environment.stats, environment.node, "http." + place.stat_prefix + ".", place.direction,
          &environment.runtime};
}

std::shared_ptr<const ExtensionFilter> ExtensionFilter::read(const ProtoHttpFilter& filter, FilterPlace place,
                                                             Context& context) {
  const size_t errors_before = context.report().error_count();
  const std::shared_ptr<ExtensionFilter> out(new ExtensionFilter(filter.name(), std::move(place)));
  if (filter.disabled() && out->place_.is_last)
    context.error("disabled", "the last filter cannot be disabled");
  const auto& source = filter.config_discovery();
  const auto scope = context.in("config_discovery");
  out->read_types(source, context);
  out->fallback_.factory = std::make_shared<Placeholder<MissingFilter>>(filter.name());
  out->is_waited_for_ = !source.apply_default_config_without_warming();
  if (source.has_default_config()) {
    const auto at = context.in("default_config");
    out->fallback_ = out->make(source.default_config(), context);
  } else if (!out->is_waited_for_) {
    context.error("apply_default_config_without_warming", "is set, and there is no default_config");
  }
  return context.report().error_count() == errors_before ? out : nullptr;
}

bool ExtensionFilter::is_unknown(const ProtoHttpFilter& filter) {
  return std::ranges::none_of(filter.config_discovery().type_urls(), [](const std::string& url) {
    return is_router(type_name_of(url)) || knows_filter(url);
  });
}

void ExtensionFilter::read_types(const envoy::config::core::v3::ExtensionConfigSource& source,
                                 Context& context) {
  for (int i = 0; i < source.type_urls_size(); ++i) {
    const auto scope = context.in("type_urls", i);
    const std::string type(type_name_of(source.type_urls(i)));
    if (!is_router(type) && !knows_filter(type)) context.error("no filter of this build reads " + type);
    types_.push_back(type);
  }
}

ExtensionFilter::Made ExtensionFilter::make(const google::protobuf::Any& any, Context& context) const {
  const TypedConfig config = unpack(any);
  if (!config.error.empty()) return context.error(config.error), fallback_;
  const std::string type(config.type_name());
  if (std::ranges::find(types_, type) == types_.end()) {
    std::string expected;
    for (const std::string& one : types_) expected += (expected.empty() ? "" : ", ") + one;
    context.error("is '" + type + "', and type_urls have only " + expected);
    return fallback_;
  }
  if (is_router(type) != place_.is_last) {
    context.error(place_.is_last ? "the last filter must be the router, not " + type
                                 : "the router ends the chain: it must be the last filter");
    return fallback_;
  }
  if (config.message && has_rules(*config.message)) check_fields(*config.message, context);
  if (const auto* router = dynamic_cast<const ProtoRouter*>(config.message.get()))
    return {std::make_shared<const RouterEntry>(name_, to_router(*router, context)),
            router->suppress_envoy_headers()};
  auto factory =
      make_filter(name_, config.type_url, config.bytes, config.is_struct,
                  factory_context_of(place_, context.environment()), context.path(), context.report());
  if (factory) return {std::move(factory), false};
  return {std::make_shared<Placeholder<HttpFilter>>(name_), false};
}

}  // namespace remora::xds
