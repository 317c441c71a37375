#include "core/route_conditions.h"

#include <algorithm>
#include <string_view>

#include "core/grpc.h"

namespace remora {
bool has_conditions(const RouteMatch& match) {
  return match.grpc || match.runtime_fraction || !match.headers.empty() || !match.query_parameters.empty() ||
         !match.dynamic_metadata.empty();
}

bool conditions_hold(const RouteMatch& match, const RouteQuestion& question) {
  if (match.runtime_fraction && !match.runtime_fraction->value.includes(question.random)) return false;
  if (match.grpc && !is_grpc_request(question.head)) return false;
  const auto holds = [&](const auto& matchers, const auto& subject) {
    return std::ranges::all_of(matchers, [&](const auto& matcher) { return matcher.matches(subject); });
  };
  return holds(match.headers, question.head) && holds(match.query_parameters, question.query) &&
         holds(match.dynamic_metadata, question.metadata);
}

}  // namespace remora
