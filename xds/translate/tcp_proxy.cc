#include "translate/tcp_proxy.h"

#include <limits>

#include "translate/access_log.h"
#include "translate/field_check.h"
#include "translate/values.h"

namespace remora::xds {
namespace {

using Proto = envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;

void check_cluster(const std::string& name, std::string_view field, Context& context) {
  if (name.empty()) context.error(field, "is required");
}

void set_weighted(const Proto::WeightedCluster& source, Context& context, TcpProxyConfig& out) {
  const auto scope = context.in("weighted_clusters");
  uint64_t sum = 0;
  for (int i = 0; i < source.clusters_size(); ++i) {
    const auto at = context.in("clusters", i);
    const auto& cluster = source.clusters(i);
    check_cluster(cluster.name(), "name", context);
    out.weighted.push_back({cluster.name(), cluster.weight(), to_subset_match(cluster.metadata_match())});
    sum += cluster.weight();
  }
  if (sum > std::numeric_limits<uint32_t>::max()) context.error("the sum of weights does not fit in 32 bits");
}

}  // namespace

std::shared_ptr<const TcpProxyConfig> to_tcp_proxy(const Proto& proxy, Context& context) {
  check_fields(proxy, context);
  auto out = std::make_shared<TcpProxyConfig>();
  out->stat_prefix = proxy.stat_prefix();
  out->cluster = proxy.cluster();
  if (proxy.has_weighted_clusters()) {
    set_weighted(proxy.weighted_clusters(), context, *out);
  } else {
    check_cluster(proxy.cluster(), "cluster", context);
  }
  out->subset = to_subset_match(proxy.metadata_match());
  if (proxy.has_idle_timeout())
    out->idle_timeout = to_milliseconds(proxy.idle_timeout(), "idle_timeout", context);
  if (proxy.has_max_downstream_connection_duration()) {
    out->max_downstream_connection_duration = to_milliseconds(proxy.max_downstream_connection_duration(),
                                                              "max_downstream_connection_duration", context);
  }
  if (proxy.has_max_connect_attempts()) out->max_connect_attempts = proxy.max_connect_attempts().value();
  for (const auto& policy : proxy.hash_policy()) out->hash_source_ip |= policy.has_source_ip();
  out->access_logs = to_access_logs(proxy.access_log(), "access_log", context);
  return out;
}

}  // namespace remora::xds
