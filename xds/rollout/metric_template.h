#pragma once

#include <string>
#include <string_view>

#include "remora/core/result.h"
#include "rollout/environment.h"

namespace remora::rollout {

/// Fills a query in: {{ name }}, {{ namespace }}, {{ target }}, {{ service }}, {{ ingress }}, {{ route }},
/// {{ interval }} and {{ variables.KEY }}, with Go's {{- and -}} that take white space away, and comments.
/// Everything else of Go's templates is refused, with the text that was not understood. What is put in is put
/// in as it is: where it stands in a PromQL string is the query's business, as in Flagger.
Result<std::string> render_query(std::string_view query, const QueryModel& model);

}  // namespace remora::rollout
