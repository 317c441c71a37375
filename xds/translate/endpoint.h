#pragma once

#include <memory>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "remora/config/cluster.h"
#include "translate/context.h"

namespace remora::xds {

/// ClusterLoadAssignment -> EndpointSet. The context stands at the message. Null after an error.
std::shared_ptr<const EndpointSet> translate_endpoints(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment, std::string version,
    Context& context);

}  // namespace remora::xds
