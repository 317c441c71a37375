#pragma once

#include <cstdint>
#include <optional>

#include "remora/config/route.h"
#include "remora/config/route_table.h"

namespace remora {

struct UnmetCondition;

/// True if the route is matched on more than its path.
bool has_conditions(const RouteMatch& match);

/// What routes are matched on besides their paths. Borrowed for the call.
struct RouteQuestion {
  const HeaderMap& head;
  std::string_view query;  ///< what follows '?' in :path
  uint64_t random;         ///< the request's stable random value
  const RouteFacts& facts;
};

/// All of a route's conditions but the path.
bool conditions_hold(const RouteMatch& match, const RouteQuestion& question);

/// The same look at the same conditions, telling of the first that does not hold.
std::optional<UnmetCondition> first_unmet(const RouteMatch& match, const RouteQuestion& question);

}  // namespace remora
