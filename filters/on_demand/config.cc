#include "common/shared_factory.h"
#include "config_values.h"
#include "envoy/extensions/filters/http/on_demand/v3/on_demand.pb.h"
#include "on_demand/on_demand.h"
#include "remora/filter/envoy_messages.h"

namespace remora::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::on_demand::v3;

/// Both messages have the same field. Null after an error.
template <typename Proto>
std::shared_ptr<const OnDemandConfig> to_config(const FilterSource& source,
                                                const FilterFactoryContext& context, ConfigReport& report) {
  Proto proto;
  if (!parse_config(source, proto, report)) return nullptr;
  auto config = std::make_shared<OnDemandConfig>();
  if (!proto.has_odcds()) return config;
  const auto& odcds = proto.odcds();
  const std::string path = source.path + ".odcds";
  if (odcds.has_timeout()) config->timeout = to_milliseconds(odcds.timeout());
  config->clusters = to_demand_source(odcds.source(), context, path, report);
  return config->clusters == nullptr ? nullptr : config;
}

}  // namespace

std::shared_ptr<const FilterFactory> make_on_demand(const FilterSource& source,
                                                    const FilterFactoryContext& context,
                                                    ConfigReport& report) {
  auto config = to_config<v3::OnDemand>(source, context, report);
  if (config == nullptr) return nullptr;
  return std::make_shared<SharedFilterFactory<const OnDemandConfig, make_on_demand_filter>>(
      source.name, std::move(config));
}

std::shared_ptr<const RouteFilterConfig> make_route_on_demand(const FilterSource& source,
                                                              const FilterFactoryContext& context,
                                                              ConfigReport& report) {
  return to_config<v3::PerRouteConfig>(source, context, report);
}

}  // namespace remora::filters
