#pragma once

#include <string>
#include <vector>

#include "envoy/config/route/v3/route.pb.h"
#include "remora/core/result.h"

namespace remora::ctl {

/// Every RouteConfiguration in a document (YAML or JSON): the document itself, or those inside of a bootstrap
/// or of a /config_dump. `origin` names it in errors.
Result<std::vector<envoy::config::route::v3::RouteConfiguration>> route_configurations(
    const std::string& text, const std::string& origin);

}  // namespace remora::ctl
