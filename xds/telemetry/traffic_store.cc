#include "telemetry/traffic_store.h"

#include <algorithm>

namespace remora::telemetry {
namespace {

constexpr Milliseconds kSweepEvery{1000};

bool matches(const rollout::WorkloadSelection& selection, const SeriesKey& key) {
  if (key.ns != selection.ns && !key.ns.empty()) return false;  // a host outside the mesh has no namespace
  if (!selection.app.empty() && key.app != selection.app) return false;
  if (!selection.version.empty()) return key.version == selection.version;
  return selection.workloads.empty() ||
         std::ranges::find(selection.workloads, key.workload) != selection.workloads.end();
}

/// A stock Envoy reports every cluster it has: they must not crowd out what is known better.
size_t limit_of(Reporter reporter) {
  return reporter == Reporter::kCluster ? TrafficStore::kMaxSeries / 2 : TrafficStore::kMaxSeries;
}

struct Sum {
  uint64_t requests = 0;
  uint64_t failures = 0;
  std::array<uint64_t, kBoundsMs.size()> slower{};

  void add(const Tally& tally) {
    requests += tally.requests;
    failures += tally.failures;
    for (size_t i = 0; i < slower.size(); ++i) slower[i] += tally.slower[i];
  }
};

rollout::TrafficWindow to_window(const Sum& sum) {
  rollout::TrafficWindow out;
  out.requests = sum.requests;
  out.failures = sum.failures;
  out.bounds_ms.assign(kBoundsMs.begin(), kBoundsMs.end());
  uint64_t total = 0;
  for (const uint64_t count : sum.slower) out.cumulative.push_back(total += count);
  return out;
}

}  // namespace

uint64_t TrafficStore::begin_stream(const std::string& node_id) {
  sweep();
  if (proxies_.size() >= kMaxProxies && !proxies_.contains(node_id)) return 0;
  Proxy& proxy = proxies_[node_id];
  proxy.reports.begin_stream();
  return proxy.stream = ++streams_;
}

void TrafficStore::end_stream(const std::string& node_id, uint64_t stream) {
  const auto found = proxies_.find(node_id);
  if (found == proxies_.end() || found->second.stream != stream) return;
  found->second.stream = 0;
  found->second.away_since = now_();
}

void TrafficStore::take(const std::string& node_id, uint64_t stream, const Report& report) {
  const auto found = proxies_.find(node_id);
  if (found == proxies_.end() || found->second.stream != stream) return;
  const Time now = now_();
  ProxyReports& reports = found->second.reports;
  const auto stretch = reports.begin_message(report, now);
  ++reports_;
  if (began_ == Time{}) began_ = now;
  last_flush_ = now;
  for (const Reported& metric : report.metrics) {
    const Tally news = reports.news(metric);
    if (!stretch || news.empty()) continue;
    const auto known = series_.find(metric.key);
    if (known == series_.end() && series_.size() >= limit_of(metric.key.reporter)) {
      ++dropped_;
      continue;
    }
    (known == series_.end() ? series_[metric.key] : known->second).add(stretch->from, stretch->to, news);
  }
  sweep();
}

/// Forgets proxies that stay away and series without traffic.
void TrafficStore::sweep() {
  const Time now = now_();
  if (now < swept_ + kSweepEvery) return;
  swept_ = now;
  std::erase_if(proxies_, [&](const auto& entry) {
    const bool gone = entry.second.stream == 0 && entry.second.away_since + kProxyKept < now;
    if (gone) dropped_ += entry.second.reports.dropped();
    return gone;
  });
  for (auto entry = series_.begin(); entry != series_.end();) {
    entry->second.expire(now);
    entry = entry->second.empty() ? series_.erase(entry) : std::next(entry);
  }
}

/// Whole slots only, as Prometheus counts between the samples that lie inside a range: what happened before
/// the window began never counts, even if it was reported within it. What is still to be reported counts next
/// time.
rollout::TrafficWindow TrafficStore::window(const rollout::WorkloadSelection& selection,
                                            Milliseconds length) const {
  const Time now = now_();
  const Time begin = now - length;
  std::array<Sum, kReporters> sums;
  for (const auto& [key, series] : series_) {
    if (!matches(selection, key)) continue;
    Sum& sum = sums[static_cast<size_t>(key.reporter)];
    series.each_since(begin, [&](const Slot& slot) {
      if (slot.from >= begin) sum.add(slot.tally);
    });
  }
  const auto heard = std::ranges::find_if(sums, [](const Sum& sum) { return sum.requests > 0; });
  rollout::TrafficWindow out = to_window(heard == sums.end() ? Sum{} : *heard);
  if (began_ != Time{} && last_flush_ > begin)
    out.covered = std::chrono::duration_cast<Milliseconds>(last_flush_ - std::max(begin, began_));
  return out;
}

TrafficStore::Counts TrafficStore::counts() const {
  Counts out{.proxies = 0, .series = series_.size(), .reports = reports_, .dropped = dropped_};
  for (const auto& [id, proxy] : proxies_) {
    if (proxy.stream != 0) ++out.proxies;
    out.dropped += proxy.reports.dropped();
  }
  return out;
}

}  // namespace remora::telemetry
