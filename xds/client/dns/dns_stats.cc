#include "client/dns/dns_stats.h"

#include "client/update_stats.h"

namespace remora::xds {
namespace {

constexpr StatDef kDnsCluster[] = {{.name = "update_attempt"},
                                   {.name = "update_success"},
                                   {.name = "update_failure"},
                                   {.name = "update_empty"}};
constexpr StatDef kCares[] = {
    {.name = "resolve_total"}, {.name = "pending_resolutions", .kind = StatKind::kGauge},
    {.name = "not_found"},     {.name = "get_addr_failure"},
    {.name = "timeouts"},      {.name = "reinits"}};

}  // namespace

std::shared_ptr<StatScope> make_dns_cluster_scope(StatsStore& store, const std::string& stat_name) {
  return store.make_scope(kDnsCluster, UpdateStats::endpoints(stat_name));
}

std::shared_ptr<StatScope> make_cares_scope(StatsStore& store) {
  return store.make_scope(kCares, {"dns.cares.", "envoy_dns_cares_", {}});
}

}  // namespace remora::xds
