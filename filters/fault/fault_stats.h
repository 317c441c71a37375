#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "remora/core/stats.h"
#include "remora/filter/registry.h"

namespace remora::filters {

/// http.<prefix>.fault.*. Source: Envoy, fault filter statistics.
enum FaultStat : size_t {
  kDelaysInjected,
  kAbortsInjected,
  kFaultsOverflow,
  kActiveFaults,
  kResponseRlInjected,
  kFaultStats
};

/// What faults of one connection manager are counted in, for all workers. Thread-safe.
class FaultStats {
 public:
  /// Clusters that requests say they come from are names that clients choose: no more than this are told
  /// apart.
  static constexpr size_t kMaxClusters = 1000;
  static constexpr size_t kMaxNameLength = 256;

  explicit FaultStats(const FilterFactoryContext& context);

  [[nodiscard]] StatBlock& block(size_t shard) { return all_->block(shard); }
  /// How many requests have a fault now, over all workers.
  [[nodiscard]] uint64_t active() const { return all_->value(kActiveFaults); }
  /// Counts `stat` (injected delays or aborts), also for the downstream cluster unless that is empty.
  void injected(FaultStat stat, std::string_view downstream_cluster, size_t shard);

 private:
  StatScope* of_cluster(std::string_view cluster);

  StatsStore& store_;
  std::shared_ptr<StatScope> all_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<StatScope>, std::less<>> clusters_;
};

}  // namespace remora::filters
