#pragma once

#include <optional>

#include "envoy/config/cluster/v3/cluster.pb.h"
#include "remora/config/balancer.h"
#include "translate/context.h"
#include "translate/typed_config.h"

namespace remora::xds {

/// remora.load_balancing_policies.v1.Aperture, which stands in a TypedStruct. docs/load-balancing.md.
struct AperturePolicy {
  Aperture settings;
  /// By which policy hosts are chosen among those that are spoken to; nullopt: it does not say.
  std::optional<envoy::config::cluster::v3::LoadBalancingPolicy> picking;
};

bool is_aperture(const TypedConfig& config);
/// Standing at the struct's value.
AperturePolicy read_aperture(const TypedConfig& config, Context& context);

}  // namespace remora::xds
