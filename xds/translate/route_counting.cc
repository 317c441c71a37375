// What of a virtual host and its routes is counted: virtual clusters and stat_prefix.

#include "remora/config/route_stats.h"
#include "translate/matchers.h"
#include "translate/route.h"

namespace remora::xds {
namespace {

/// All that no virtual cluster takes, where there are some.
constexpr std::string_view kRest = "other";

}  // namespace

std::vector<VirtualCluster> to_virtual_clusters(const envoy::config::route::v3::VirtualHost& host,
                                                Context& context) {
  std::vector<VirtualCluster> out;
  if (host.virtual_clusters_size() == 0) return out;
  StatsStore& stats = context.environment().stats;
  const auto add = [&](std::string_view name) -> VirtualCluster& {
    auto scope = stats.make_scope(route_stat_schema(), virtual_cluster_scope_name(host.name(), name));
    return out.emplace_back(VirtualCluster{std::string(name), {}, std::move(scope)});
  };
  for (int i = 0; i < host.virtual_clusters_size(); ++i) {
    const auto at = context.in("virtual_clusters", i);
    const auto& proto = host.virtual_clusters(i);
    if (proto.headers_size() == 0) context.error("headers", "at least one is required");
    auto& cluster = add(proto.name());
    for (int h = 0; h < proto.headers_size(); ++h) {
      const auto field = context.in("headers", h);
      cluster.headers.push_back(to_header_matcher(proto.headers(h), context));
    }
  }
  add(kRest);
  return out;
}

std::shared_ptr<StatScope> to_route_stats(const std::string& host, const std::string& stat_prefix,
                                          Context& context) {
  if (stat_prefix.empty()) return nullptr;
  return context.environment().stats.make_scope(route_stat_schema(), route_scope_name(host, stat_prefix));
}

}  // namespace remora::xds
