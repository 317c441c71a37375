#include "stats/aperture_stats.h"

#include <iterator>
#include <string>

namespace remora {
namespace {

constexpr StatDef kDefs[] = {
    {"hosts", StatKind::kGauge}, {"peers", StatKind::kGauge}, {"peer", StatKind::kGauge}};
static_assert(std::size(kDefs) == kApertureStatCount);

}  // namespace

StatSchema aperture_stat_schema() { return kDefs; }

ScopeName aperture_scope_name(std::string_view stat_name) {
  const std::string name(stat_name);
  return {
      "cluster." + name + ".lb_aperture.", "envoy_cluster_lb_aperture_", {{"envoy_cluster_name", name}}, {}};
}

}  // namespace remora
