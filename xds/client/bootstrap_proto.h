#pragma once

#include "envoy/config/bootstrap/v3/bootstrap.pb.h"
#include "remora/config/bootstrap.h"
#include "remora/core/result.h"

namespace remora::xds {

/// Reads --config-path, merges --config-yaml over it and lets --service-node, -cluster and -zone override the
/// node. The error has a line per finding: file and line for syntax, file, line and field path for names and
/// types. Warnings (unknown fields under --allow-unknown-static-fields) go to `report`.
Result<envoy::config::bootstrap::v3::Bootstrap> read_bootstrap(const Options& options, ConfigReport& report);

}  // namespace remora::xds
