#pragma once

namespace remora {

struct RouteConfig;

/// Fills in what each place of the table says to HTTP filters, taken together with the places around it
/// (PlaceFilterConfig::resolved), and the names it does so for (RouteConfig::overridden_filters), so that a
/// request finds it without a search. Virtual hosts that are compiled already (VirtualHost::index) stay as
/// they are: they come from `before`, whose names therefore stay too, in front of new ones. Source: Envoy,
/// typed_per_filter_config: the most specific place wins.
void resolve_filter_settings(RouteConfig& config, const RouteConfig* before = nullptr);

}  // namespace remora
