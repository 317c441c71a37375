#include "stats/shadow_stats.h"

#include <iterator>

namespace remora {
namespace {

constexpr StatKind kHistogram = StatKind::kHistogram;

constexpr StatDef kDefs[] = {
    {"rq_total"},
    {"rq_dropped"},
    {"rq_abandoned"},
    {"rq_failed"},
    {"compare_total"},
    {"compare_skipped"},
    {"compare_no_answer"},
    {"compare_status_same"},
    {"compare_status_class_same"},
    {"compare_status_differs"},
    {"compare_shadow_failed"},
    {"compare_primary_failed"},
    {"compare_body_same"},
    {"compare_body_differs"},
    {"compare_body_skipped"},
    {"compare_primary_time", kHistogram},
    {"compare_shadow_time", kHistogram},
    {"compare_slower", kHistogram},
    {"compare_faster", kHistogram},
};
static_assert(std::size(kDefs) == kShadowStatCount);

}  // namespace

StatSchema shadow_stat_schema() { return kDefs; }

ScopeName shadow_scope_name(std::string_view cluster_stat_name) {
  const std::string name(cluster_stat_name);
  return {"cluster." + name + ".shadow.", "envoy_cluster_shadow_", {{"envoy_cluster_name", name}}, {}};
}

}  // namespace remora
