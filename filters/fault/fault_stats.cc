#include "fault/fault_stats.h"

#include <iterator>

#include "common/http_scope.h"

namespace remora::filters {
namespace {

constexpr StatDef kSchema[kFaultStats] = {{.name = "delays_injected"},
                                          {.name = "aborts_injected"},
                                          {.name = "faults_overflow"},
                                          {.name = "active_faults", .kind = StatKind::kGauge},
                                          {.name = "response_rl_injected"}};
constexpr StatDef kClusterSchema[] = {kSchema[kDelaysInjected], kSchema[kAbortsInjected]};

}  // namespace

FaultStats::FaultStats(const FilterFactoryContext& context)
    : store_(context.stats),
      all_(http_scope(context, "fault", kSchema)) {}

void FaultStats::injected(FaultStat stat, std::string_view downstream_cluster, size_t shard) {
  block(shard).add(stat);
  if (stat >= std::size(kClusterSchema)) return;  // those of clusters are the delays and the aborts
  if (StatScope* scope = of_cluster(downstream_cluster)) scope->block(shard).add(stat);
}

StatScope* FaultStats::of_cluster(std::string_view cluster) {
  if (cluster.empty() || cluster.size() > kMaxNameLength) return nullptr;
  const std::lock_guard lock(mutex_);
  if (const auto found = clusters_.find(cluster); found != clusters_.end()) return found->second.get();
  if (clusters_.size() == kMaxClusters) return nullptr;
  ScopeName name = all_->name();
  name.prefix.append(cluster).append(".");
  name.tags.push_back({"envoy_fault_downstream_cluster", std::string(cluster)});
  return clusters_.emplace(cluster, store_.make_scope(kClusterSchema, std::move(name))).first->second.get();
}

}  // namespace remora::filters
