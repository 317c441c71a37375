#include "stats/health_check_stats.h"

#include <iterator>
#include <string>

namespace remora {
namespace {

constexpr StatDef kDefs[] = {
    {"attempt"},
    {"success"},
    {"failure"},
    {"passive_failure"},
    {"network_failure"},
    {"verify_cluster"},
    {"healthy", StatKind::kGauge},
    {"degraded", StatKind::kGauge},
};
static_assert(std::size(kDefs) == kHealthCheckStatCount);

}  // namespace

StatSchema health_check_stat_schema() { return kDefs; }

ScopeName health_check_scope_name(std::string_view stat_name) {
  const std::string name(stat_name);
  return {"cluster." + name + ".health_check.",
          "envoy_cluster_health_check_",
          {{"envoy_cluster_name", name}},
          {}};
}

}  // namespace remora
