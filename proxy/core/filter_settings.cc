#include "core/filter_settings.h"

#include <algorithm>
#include <memory>

#include "remora/config/route.h"

namespace remora {
namespace {

/// Calls `visit(filters)` for every place of the table, but for virtual hosts that are compiled already.
template <typename Visit>
void each_place(RouteConfig& config, const Visit& visit) {
  visit(config.filters);
  for (VirtualHost& host : config.virtual_hosts) {
    if (host.index != nullptr) continue;
    visit(host.filters);
    for (Route& route : host.routes) {
      visit(route.filters);
      for (WeightedCluster& cluster : route.forward.weighted) visit(cluster.filters);
    }
  }
}

/// Those that are `known` first. There are few of them.
std::vector<std::string> names(RouteConfig& config, const std::vector<std::string>& known) {
  std::vector<std::string> found = known;
  each_place(config, [&](const PlaceFilterConfig& place) {
    for (const FilterOverride& entry : place.overrides) {
      if (std::ranges::find(found, entry.filter) == found.end()) found.push_back(entry.filter);
    }
  });
  std::sort(found.begin() + static_cast<std::ptrdiff_t>(known.size()), found.end());
  return found;
}

class Resolver {
 public:
  explicit Resolver(const std::vector<std::string>& names) : names_(names) {}

  /// What holds at `place`, which lies inside of one where `outer` holds.
  const std::shared_ptr<const PlaceFilters>& resolve(PlaceFilterConfig& place,
                                                     const std::shared_ptr<const PlaceFilters>& outer) const {
    place.resolved = outer;
    if (place.overrides.empty()) return place.resolved;
    auto settings = std::make_shared<PlaceFilters>(*outer);
    for (const FilterOverride& entry : place.overrides) {
      const auto slot = std::ranges::find(names_, entry.filter) - names_.begin();
      FilterSettings& filter = (*settings)[static_cast<size_t>(slot)];
      filter.state = entry.disabled ? FilterSettings::State::kOff : FilterSettings::State::kOn;
      if (entry.config) filter.configs.insert(filter.configs.begin(), entry.config.get());
    }
    place.resolved = std::move(settings);
    return place.resolved;
  }

 private:
  const std::vector<std::string>& names_;
};

}  // namespace

void resolve_filter_settings(RouteConfig& config, const RouteConfig* before) {
  config.overridden_filters =
      names(config, before == nullptr ? std::vector<std::string>() : before->overridden_filters);
  if (config.overridden_filters.empty()) return;
  const Resolver resolver(config.overridden_filters);
  const auto nothing = std::make_shared<const PlaceFilters>(config.overridden_filters.size());
  const auto& table = resolver.resolve(config.filters, nothing);
  for (VirtualHost& host : config.virtual_hosts) {
    if (host.index != nullptr) continue;
    const auto& around = resolver.resolve(host.filters, table);
    for (Route& route : host.routes) {
      const auto& inner = resolver.resolve(route.filters, around);
      for (WeightedCluster& cluster : route.forward.weighted) resolver.resolve(cluster.filters, inner);
    }
  }
}

}  // namespace remora
