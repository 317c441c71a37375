#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace remora {

/// What a place of a route table says to one HTTP filter. Made by that filter's config.cc from a message of
/// its own, and read by that filter alone, by its real type. Immutable, shared by all workers.
class RouteFilterConfig {
 public:
  virtual ~RouteFilterConfig() = default;
};

/// The configurations that hold for one filter and one request, most specific place first.
using RouteFilterConfigs = std::span<const RouteFilterConfig* const>;

/// What one place of a route table (the table, a virtual host, a route, a weighted cluster) says about the
/// filter of one instance name. Source: Envoy, typed_per_filter_config and
/// envoy.config.route.v3.FilterConfig.
struct FilterOverride {
  std::string filter;     ///< the instance name in http_filters
  bool disabled = false;  ///< otherwise the filter is on, even where its listener has it off
  std::shared_ptr<const RouteFilterConfig> config;  ///< null: nothing but on or off
};

/// What all places from the table down to one of them say about one filter, taken together.
struct FilterSettings {
  enum class State : uint8_t { kAsListener, kOn, kOff };
  State state = State::kAsListener;               ///< as the most specific place has it that names the filter
  std::vector<const RouteFilterConfig*> configs;  ///< most specific first; owned by the overrides
};

/// One entry for each filter that a table names anywhere (RouteConfig::overridden_filters), in that order.
/// The last ones may be missing, where nothing is said to them.
using PlaceFilters = std::vector<FilterSettings>;

}  // namespace remora
