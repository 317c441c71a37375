#pragma once

#include <string_view>

#include "remora/core/stats.h"

namespace remora {

/// cluster.<name>.lb_*: what becomes of zones, where there is a local cluster. Source: Envoy, cluster
/// statistics, zone aware routing.
enum ZoneStat : size_t {
  kLbRecalculateZoneStructures,
  kLbLocalClusterNotOk,
  kLbZoneClusterTooSmall,
  kLbZoneNoCapacityLeft,
  kLbZoneNumberDiffers,  ///< Envoy has it, and never counts it
  kLbZoneRoutingAllDirectly,
  kLbZoneRoutingSampled,
  kLbZoneRoutingCrossZone,
  kZoneStatCount
};
StatSchema zone_stat_schema();
ScopeName zone_scope_name(std::string_view stat_name);

}  // namespace remora
