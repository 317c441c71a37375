#pragma once

#include <memory>

#include "common/proto_config.h"
#include "remora/config/demand.h"
#include "remora/config/filter_overrides.h"
#include "remora/core/clock.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// envoy.extensions.filters.http.on_demand.v3.OnDemand, and PerRouteConfig.
struct OnDemandConfig final : RouteFilterConfig {
  std::shared_ptr<const DemandSource> clusters;  // null: they are not asked for
  Milliseconds timeout{5000};                    // for a cluster
};

/// Lets a request wait for a virtual host or a cluster that the configuration does not have yet. What does
/// not come leaves the request as it is: it is answered as without this filter. One instance per worker.
/// Source: Envoy, on-demand updates.
std::unique_ptr<HttpFilter> make_on_demand_filter(std::shared_ptr<const OnDemandConfig> config);

/// The messages -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_on_demand(const FilterSource& source,
                                                    const FilterFactoryContext& context,
                                                    ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_on_demand(const FilterSource& source,
                                                              const FilterFactoryContext& context,
                                                              ConfigReport& report);

}  // namespace remora::filters
