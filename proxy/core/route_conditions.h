#pragma once

#include <cstdint>

#include "remora/config/route.h"

namespace remora {

/// True if the route is matched on more than its path.
bool has_conditions(const RouteMatch& match);

/// All of a route's conditions but the path: headers, query parameters, runtime fraction, gRPC. `query` is
/// what follows
/// '?' in :path; `random` the request's stable random value.
bool conditions_hold(const RouteMatch& match, const HeaderMap& head, std::string_view query, uint64_t random);

}  // namespace remora
