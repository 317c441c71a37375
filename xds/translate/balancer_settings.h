#pragma once

#include <cmath>

#include "envoy/extensions/load_balancing_policies/common/v3/common.pb.h"
#include "remora/config/balancer.h"
#include "remora/config/cluster.h"
#include "translate/context.h"
#include "translate/typed_config.h"
#include "translate/values.h"

namespace remora::xds {

/// The cluster's settings, to be changed; made at the first time.
BalancerSettings& edit_balancer(ClusterConfig& out);

/// The two spellings of slow start have the same fields. Standing at the message.
template <typename SlowStartMessage>
SlowStart to_slow_start(const SlowStartMessage& message, Context& context) {
  SlowStart out;
  out.window = to_milliseconds(message.slow_start_window(), "slow_start_window", context);
  if (out.window <= Milliseconds(0)) context.error("slow_start_window", "must be at least a millisecond");
  if (message.has_aggression()) {
    const auto& aggression = message.aggression();
    out.aggression = runtime_number(aggression.runtime_key(), context).value_or(aggression.default_value());
    if (!(out.aggression > 0)) context.error("aggression", "must be above 0");
  }
  if (message.has_min_weight_percent()) out.min_weight_percent = message.min_weight_percent().value();
  return out;
}

/// slow_start_config of a message that has one. Standing at that message.
template <typename PolicyMessage>
void set_slow_start(const PolicyMessage& policy, Context& context, ClusterConfig& out) {
  if (!policy.has_slow_start_config()) return;
  const auto scope = context.in("slow_start_config");
  edit_balancer(out).slow_start = to_slow_start(policy.slow_start_config(), context);
}

/// The two spellings of zone aware routing; the older one has fewer fields.
template <typename ZoneAwareMessage>
ZoneAware to_zone_aware(const ZoneAwareMessage& message) {
  ZoneAware out;
  if (message.has_routing_enabled())
    out.routing_enabled = static_cast<uint32_t>(std::lround(message.routing_enabled().value()));
  if (message.has_min_cluster_size()) out.min_cluster_size = message.min_cluster_size().value();
  out.fail_traffic_on_panic = message.fail_traffic_on_panic();
  if constexpr (requires { message.force_local_zone(); }) {
    const auto& force = message.force_local_zone();
    if (message.force_locality_direct_routing()) out.force_local_zone = 1;
    if (message.has_force_local_zone())
      out.force_local_zone = force.has_min_size() ? force.min_size().value() : 1;
    out.by_weight = message.locality_basis() == ZoneAwareMessage::HEALTHY_HOSTS_WEIGHT;
  }
  return out;
}

/// A policy of ours, which stands in a TypedStruct of that type; false: it is none. Standing at the
/// typed_config. docs/load-balancing.md.
bool set_latency_aware(const TypedConfig& config, Context& context, ClusterConfig& out);

}  // namespace remora::xds
