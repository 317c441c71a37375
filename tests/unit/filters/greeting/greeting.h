#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/proto_config.h"
#include "remora/config/filter_overrides.h"
#include "remora/core/stats.h"
#include "remora/filter/http_filter.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// What the filter says. Of the most specific place that speaks to it, else of its listener.
struct GreetingConfig final : RouteFilterConfig {
  std::string text;
  std::shared_ptr<StatScope> stats;  ///< of the listener's; null in a route's
};

enum GreetingStat : size_t { kGreeted, kGreetingStats };

/// Says something to the upstream. One instance per worker.
std::unique_ptr<HttpFilter> make_greeting_filter(std::shared_ptr<const GreetingConfig> config);

/// The message -> factory, and what a route says (config.cc).
std::shared_ptr<const FilterFactory> make_greeting(const FilterSource& source,
                                                   const FilterFactoryContext& context, ConfigReport& report);
std::shared_ptr<const RouteFilterConfig> make_route_greeting(const FilterSource& source,
                                                             const FilterFactoryContext& context,
                                                             ConfigReport& report);

}  // namespace remora::filters
