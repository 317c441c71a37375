#pragma once

#include "route_headers.h"

namespace remora {

/// Makes the request's head what its route sends upstream: mutations of all levels, then the host, then the
/// path. Only a host that waits for the choice of an endpoint (HostRewrite::Kind::kAuto) is still missing.
/// With `keep_original` the old path is left in x-envoy-original-path.
void prepare_upstream_head(const RouteLevels& levels, bool keep_original, HeaderMap& head,
                           const ExchangeInfo& info);

}  // namespace remora
