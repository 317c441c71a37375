#pragma once

#include <memory>
#include <string>
#include <vector>

#include "envoy/config/endpoint/v3/endpoint.pb.h"
#include "remora/config/cluster.h"
#include "translate/context.h"

namespace remora::xds {

/// ClusterLoadAssignment -> EndpointSet. The context stands at the message. Null after an error.
std::shared_ptr<const EndpointSet> translate_endpoints(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment, Context& context);

/// Where an endpoint is, by name or by literal address.
struct NamedEndpoint {
  std::string name;
  uint16_t port = 0;
};
/// The same of clusters whose hosts are resolved: the endpoints of the result have no address, and `names`
/// says where each is.
std::shared_ptr<const EndpointSet> translate_named_endpoints(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment, std::vector<NamedEndpoint>& names,
    Context& context);

}  // namespace remora::xds
