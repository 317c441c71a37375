#pragma once

#include <string>

#include "envoy/service/discovery/v3/discovery.pb.h"
#include "remora/core/result.h"

namespace remora::xds {

/// A file that holds a DiscoveryResponse: YAML, JSON, or binary where its name ends in .pb.
Result<envoy::service::discovery::v3::DiscoveryResponse> read_discovery_file(const std::string& path);

}  // namespace remora::xds
