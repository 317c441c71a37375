#pragma once

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

/// A policy of ours, which stands in a TypedStruct of that type; false: it is none. Standing at the
/// typed_config. docs/load-balancing.md.
bool set_latency_aware(const TypedConfig& config, Context& context, ClusterConfig& out);

}  // namespace remora::xds
