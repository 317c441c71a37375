#pragma once

#include <string_view>

#include "remora/core/stats.h"

namespace remora {

/// cluster.<name>.lb_aperture.*, where the cluster has an aperture: gauges, written by the main thread. Ours;
/// docs/load-balancing.md.
enum ApertureStat : size_t {
  kApertureHosts,  ///< that this proxy speaks to
  kAperturePeers,  ///< this proxy and those like it; 0: nobody knows
  kAperturePeer,   ///< which of them this proxy is
  kApertureStatCount
};
StatSchema aperture_stat_schema();
ScopeName aperture_scope_name(std::string_view stat_name);

}  // namespace remora
