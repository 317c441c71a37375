#include "core/route_conditions.h"

#include <algorithm>
#include <string_view>

#include "core/grpc.h"

namespace remora {
bool has_conditions(const RouteMatch& match) {
  return match.grpc || match.runtime_fraction || !match.headers.empty() || !match.query_parameters.empty();
}

bool conditions_hold(const RouteMatch& match, const HeaderMap& head, std::string_view query,
                     uint64_t random) {
  if (match.runtime_fraction && !match.runtime_fraction->value.includes(random)) return false;
  if (match.grpc && !is_grpc_request(head)) return false;
  return std::ranges::all_of(match.headers,
                             [&](const HeaderMatcher& matcher) { return matcher.matches(head); }) &&
         std::ranges::all_of(match.query_parameters,
                             [&](const QueryMatcher& matcher) { return matcher.matches(query); });
}

}  // namespace remora
