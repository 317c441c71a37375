#include "remora/filter/dns_cache_message.h"
#include "remora/filter/envoy_messages.h"

#include <utility>

#include "translate/dynamic_forward.h"
#include "translate/header_mutations.h"
#include "translate/matchers.h"
#include "translate/resource_source.h"
#include "translate/route.h"
#include "translate/values.h"

// What translators of this folder do, for the config.cc of filters.
namespace remora {
namespace {

/// Calls `translate(context)` standing at `path`.
template <typename Translate>
auto at(const std::string& path, const FilterFactoryContext& filter, ConfigReport& report,
        const Translate& translate) {
  static const std::map<std::string, std::string> kNoRuntime;
  const xds::Environment environment{filter.stats, filter.node,
                                     filter.runtime == nullptr ? kNoRuntime : *filter.runtime};
  xds::Context context(environment, report);
  const auto scope = context.in(path);
  return translate(context);
}

}  // namespace

StringMatcher to_string_matcher(const envoy::type::matcher::v3::StringMatcher& message,
                                const FilterFactoryContext& context, const std::string& path,
                                ConfigReport& report) {
  return at(path, context, report,
            [&](xds::Context& place) { return xds::to_string_matcher(message, place); });
}

HeaderMatcher to_header_matcher(const envoy::config::route::v3::HeaderMatcher& message,
                                const FilterFactoryContext& context, const std::string& path,
                                ConfigReport& report) {
  return at(path, context, report,
            [&](xds::Context& place) { return xds::to_header_matcher(message, place); });
}

RouteMatch to_route_match(const envoy::config::route::v3::RouteMatch& message,
                          const FilterFactoryContext& context, const std::string& path,
                          ConfigReport& report) {
  return at(path, context, report, [&](xds::Context& place) { return xds::to_route_match(message, place); });
}

HeaderMutation to_header_mutation(const envoy::config::core::v3::HeaderValueOption& message,
                                  const FilterFactoryContext& context, const std::string& path,
                                  ConfigReport& report) {
  return at(path, context, report,
            [&](xds::Context& place) { return xds::to_header_mutation(message, place); });
}

Format to_format(const envoy::config::core::v3::SubstitutionFormatString& message,
                 const FilterFactoryContext& context, const std::string& path, ConfigReport& report) {
  return at(path, context, report, [&](xds::Context& place) { return xds::to_text_format(message, place); });
}

std::vector<HeaderEdit> to_header_edits(const xds::HeaderEditList& list, const FilterFactoryContext& context,
                                        const std::string& path, ConfigReport& report) {
  // The list's own name is the last step of `path`.
  const size_t dot = path.rfind('.');
  const std::string_view field = std::string_view(path).substr(dot + 1);
  return at(path.substr(0, dot), context, report,
            [&](xds::Context& place) { return xds::to_header_edits(list, field, place); });
}

MetadataValue::Object to_metadata(const google::protobuf::Struct& message) {
  return xds::to_metadata(message);
}

std::string to_bytes(const envoy::config::core::v3::DataSource& message, const FilterFactoryContext& context,
                     const std::string& path, ConfigReport& report) {
  return at(path, context, report, [&](xds::Context& place) { return xds::to_bytes(message, place); });
}

std::shared_ptr<const DemandSource> to_demand_source(const envoy::config::core::v3::ConfigSource& message,
                                                     const FilterFactoryContext& context,
                                                     const std::string& path, ConfigReport& report) {
  return at(path, context, report, [&](xds::Context& place) -> std::shared_ptr<const DemandSource> {
    const size_t before = report.error_count();
    auto source = xds::to_resource_source(message, "source", place);
    const auto scope = place.in("source");
    using Kind = xds::ResourceSource::Kind;
    if (source.kind == Kind::kFile)
      place.error("a file cannot be asked for single resources");
    else if (source.kind == Kind::kServer && !source.is_delta)
      place.error("api_config_source.api_type", "must be DELTA_GRPC: only delta asks for single resources");
    if (report.error_count() != before) return nullptr;
    return std::make_shared<const xds::DemandOrigin>(std::move(source));
  });
}

std::shared_ptr<const DnsCache> to_dns_cache(
    const envoy::extensions::common::dynamic_forward_proxy::v3::DnsCacheConfig& message,
    const FilterFactoryContext& context, const std::string& path, ConfigReport& report) {
  return at(path, context, report, [&](xds::Context& place) { return xds::to_dns_cache(message, place); });
}

}  // namespace remora
