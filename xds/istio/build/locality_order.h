#pragma once

#include <cstdint>

#include "istio/build/proxy_node.h"
#include "istio/model/destination_rule.h"
#include "istio/registry/registry.h"

namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}

// Which localities' endpoints a proxy prefers, as istiod tells it: by priorities and by weights.
namespace remora::istio {

/// What a policy says of localities; null: nothing. Where endpoints are ejected, Istio prefers the near ones
/// unless told not to.
const LocalityBalancing* locality_balancing(const PolicySettings& policy);

/// By failoverPriority, how far `endpoint` is from the proxy: 0 where all labels are equal. 0 without one.
uint32_t label_distance(const LocalityBalancing* setting, bool fails_over, const ProxyNode& node,
                        const Endpoint& endpoint);

/// Gives the localities of `assignment` their priorities (where the policy ejects) or their weights, as seen
/// by `node`. They have the priorities of label_distance() and the weights of their endpoints.
void order_localities(const LocalityBalancing& setting, bool fails_over, const ProxyNode& node,
                      envoy::config::endpoint::v3::ClusterLoadAssignment& assignment);

}  // namespace remora::istio
