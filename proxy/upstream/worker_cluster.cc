#include "upstream/worker_cluster.h"

#include <unordered_set>

#include "stats/cluster_stats.h"
#include "upstream/pool.h"

namespace remora {

WorkerCluster::WorkerCluster(UpstreamContext context, std::shared_ptr<const ClusterRuntime> runtime)
    : context_(context),
      runtime_(std::move(runtime)),
      stats_(runtime_->stats->block(context.shard)),
      balancer_(
          *runtime_->config, context.shard,
          LbStats{&stats_, kLbHealthyPanic, kLbSubsetsSelected, kLbSubsetsFallback, kLbSubsetsFallbackPanic},
          context.random) {}

WorkerCluster::~WorkerCluster() = default;

StatBlock& WorkerCluster::origin_stats(bool internal) {
  auto& scope = origin_scopes_[internal ? 1 : 0];
  if (!scope) {
    scope = runtime_->store->make_scope(origin_stat_schema(),
                                        origin_scope_name(cluster_stat_name(config()), internal));
  }
  return scope->block(context_.shard);
}

void WorkerCluster::set_hosts(std::shared_ptr<const HostSet> hosts) {
  hosts_ = std::move(hosts);
  if (pools_.empty()) return;
  std::unordered_map<const HostState*, std::shared_ptr<const Host>> present;
  for (const auto& host : hosts_->hosts()) present.emplace(&host->state(), host);
  for (auto entry = pools_.begin(); entry != pools_.end();) {
    const auto found = present.find(entry->first);
    if (found == present.end()) {
      entry->second->retire();
      entry = pools_.erase(entry);
    } else {
      entry->second->set_host(found->second);
      ++entry;
    }
  }
}

void WorkerCluster::retire() {
  retired_ = true;
  const auto pools = std::move(pools_);
  pools_.clear();
  for (const auto& [state, pool] : pools) pool->retire();
}

LocalRef<HostPool> WorkerCluster::pick(const LbContext& context) {
  if (hosts_ == nullptr) return {};
  const Host* host = balancer_.pick(*hosts_, context);
  if (host == nullptr) return {};
  auto& pool = pools_[&host->state()];
  if (!pool) {
    for (const auto& candidate : hosts_->hosts()) {
      if (candidate.get() == host)
        pool = LocalRef<HostPool>(new HostPool(LocalRef<WorkerCluster>(this), candidate));
    }
  }
  auto chosen = pool;
  // An exchange that began before the cluster was retired may still ask; its pool then lives just for it.
  if (retired_) {
    pools_.erase(&host->state());
    chosen->retire();
  }
  return chosen;
}

void WorkerCluster::report_connected(const WorkerHost& host) {
  if (config().outlier && config().outlier->split_external_local_origin_errors)
    charge_outlier(host, OutlierResult::kConnected, 0);
}

void WorkerCluster::report_status(const WorkerHost& host, uint16_t status) {
  (status >= 500 ? host.stats().rq_error : host.stats().rq_success).add();
  if (config().outlier) charge_outlier(host, OutlierResult::kResponse, status);
}

void WorkerCluster::report_failure(const WorkerHost& host, Failure failure) {
  auto result = OutlierResult::kConnectFailed;
  switch (failure) {
    case Failure::kUpstreamTimeout:
    case Failure::kPerTryTimeout:
      result = OutlierResult::kTimeout;
      host.stats().rq_timeout.add();
      break;
    case Failure::kOverflow: return;  // our own doing
    default: break;
  }
  host.stats().rq_error.add();
  if (config().outlier) charge_outlier(host, result, 0);
}

void WorkerCluster::charge_outlier(const WorkerHost& host, OutlierResult result, uint16_t status) {
  const auto events = charge(host.host().state(), context_.shard, *config().outlier, result, status);
  if (!events.any()) return;
  const auto& state = host.host().shared_state();
  if (events.gateway) runtime_->report_outlier(state, Ejection::kConsecutiveGateway);
  if (events.consecutive_5xx) runtime_->report_outlier(state, Ejection::kConsecutive5xx);
  if (events.local) runtime_->report_outlier(state, Ejection::kConsecutiveLocal);
}

}  // namespace remora
