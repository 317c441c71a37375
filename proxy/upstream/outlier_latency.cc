// Outlier detection by response times: who is much slower than the cluster's hosts usually are.

#include <algorithm>
#include <numeric>

#include "remora/config/latency_ejection.h"
#include "upstream/outlier.h"

namespace remora {
namespace {

/// What came since the last call.
LatencyRanges::Sums take_latencies(HostState& host) {
  const auto sums = host.latencies();
  auto& swept = host.monitor().swept_latency;
  if (!swept) swept = std::make_unique<LatencyRanges::Sums>();
  LatencyRanges::Sums news;
  for (size_t i = 0; i < sums.size(); ++i) news[i] = sums[i] - (*swept)[i];
  *swept = sums;
  return news;
}

/// In ms; within a range answers are taken to be spread evenly.
double percentile_of(const LatencyRanges::Sums& counts, uint64_t total, double percentile) {
  const double wanted = percentile / 100.0 * static_cast<double>(total);
  double before = 0;
  size_t range = 0;
  while (range + 1 < counts.size() && before + static_cast<double>(counts[range]) < wanted)
    before += static_cast<double>(counts[range++]);
  const double start = LatencyRanges::start_of(range);
  if (counts[range] == 0) return start;
  const double share = (wanted - before) / static_cast<double>(counts[range]);
  return start + (LatencyRanges::start_of(range + 1) - start) * share;
}

/// The lower one of the two in the middle. Reorders.
double median_of(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void OutlierDetector::judge_latencies(MonotonicTime now) {
  if (!config_.latency) return;
  const auto& settings = *config_.latency;
  double& median = average_[kLatencies] = -1;
  double& threshold = threshold_[kLatencies] = -1;
  std::vector<double> known;
  for (const auto& host : hosts_) {
    HostState& state = host->state();
    const auto counts = take_latencies(state);
    const auto total = std::accumulate(counts.begin(), counts.end(), uint64_t{0});
    const bool enough = total > 0 && total >= settings.request_volume;
    const double latency = enough ? percentile_of(counts, total, settings.percentile) : -1;
    state.monitor().latency_ms = latency;
    if (enough && !state.ejected()) known.push_back(latency);
  }
  if (known.empty() || known.size() < settings.minimum_hosts) return;
  median = median_of(known);
  threshold = std::max(median * settings.factor, static_cast<double>(settings.minimum_latency.count()));
  for (const auto& host : hosts_) {
    const double latency = host->state().monitor().latency_ms;
    if (!host->state().ejected() && latency > threshold) detected(*host, Ejection::kLatency, now, latency);
  }
}

}  // namespace remora
