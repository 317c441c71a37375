#include "stats/zone_stats.h"

#include <iterator>

#include "stats/cluster_stats.h"

namespace remora {
namespace {

constexpr StatDef kDefs[] = {{"lb_recalculate_zone_structures"}, {"lb_local_cluster_not_ok"},
                             {"lb_zone_cluster_too_small"},      {"lb_zone_no_capacity_left"},
                             {"lb_zone_number_differs"},         {"lb_zone_routing_all_directly"},
                             {"lb_zone_routing_sampled"},        {"lb_zone_routing_cross_zone"}};
static_assert(std::size(kDefs) == kZoneStatCount);

}  // namespace

StatSchema zone_stat_schema() { return kDefs; }

ScopeName zone_scope_name(std::string_view stat_name) { return cluster_scope_name(stat_name); }

}  // namespace remora
