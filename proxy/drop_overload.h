#pragma once

#include "remora/filter/http_filter.h"

namespace remora {

/// What a request is told that its cluster's hosts are spared. `everything`: all requests are. Source: Envoy,
/// ClusterLoadAssignment.Policy.drop_overloads.
LocalReply reply_of_overload(bool everything, bool suppress_envoy_headers);

}  // namespace remora
