#pragma once

#include <vector>

#include "remora/config/route_search.h"

namespace remora {

class PathIndex;

/// RouteTable::shadowed. `index` is that of `routes`.
std::vector<ShadowedRoute> find_shadowed(std::span<const Route> routes, const PathIndex& index);

}  // namespace remora
