#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "istio_stats/labels.h"
#include "remora/core/stats.h"

namespace remora::filters {

/// The metrics of one label set. Source: Istio, standard metrics.
enum IstioStat : size_t { kRequests, kDuration, kRequestBytes, kResponseBytes, kIstioStats };
/// Those of gRPC messages, which have labels of their own.
enum IstioMessageStat : size_t { kRequestMessages, kResponseMessages, kIstioMessageStats };

/// Every label set of the process, each with its metrics, whatever listener or worker counted it. A label set
/// costs about 25 KiB a worker that sees it (three histograms), and clients influence some labels: so there
/// is a limit, behind which everything is counted under one label set that says "overflow". Thread-safe;
/// asked only for what a worker has not met yet.
class SeriesTable {
 public:
  static constexpr size_t kMaxSeries = 2000;

  /// The table of this store: the same for all filters that use it at a time.
  static std::shared_ptr<SeriesTable> of(StatsStore& stats);

  explicit SeriesTable(StatsStore& stats, size_t limit = kMaxSeries);

  /// Lives as long as the table.
  StatScope& series(const IstioLabelValues& labels, size_t shard);
  /// The counts of messages of the first kIstioMessageLabels of `labels`, within the same limit.
  StatScope& messages(const IstioLabelValues& labels, size_t shard);
  /// istio_build{component="proxy",tag=...} 1, as Istio's proxies say their version.
  void set_build(const std::string& version);

 private:
  using Scopes = std::unordered_map<std::string, std::shared_ptr<StatScope>>;
  using Labels = std::span<const std::string>;

  StatScope& find_or_make(StatSchema schema, Labels labels, size_t shard);
  std::shared_ptr<StatScope> make(StatSchema schema, Labels labels);
  StatScope& overflow(StatSchema schema, Labels labels, size_t shard);

  StatsStore& stats_;
  const size_t limit_;
  std::mutex mutex_;
  Scopes series_;      // by their text name, which the number of labels is a part of
  Scopes overflowed_;  // likewise
  std::shared_ptr<StatScope> counts_;
  std::shared_ptr<StatScope> build_;
};

}  // namespace remora::filters
