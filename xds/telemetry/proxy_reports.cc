#include "telemetry/proxy_reports.h"

#include <algorithm>

namespace remora::telemetry {

void ProxyReports::begin_stream() { new_stream_ = true; }

std::optional<ProxyReports::Stretch> ProxyReports::begin_message(const Report& report, Time now) {
  // A flush may take several messages, all with its time; a message without metrics is a flush of its own.
  const bool is_next_flush = new_stream_ || report.flush == 0 || report.flush != flush_;
  new_stream_ = false;
  if (is_next_flush) {
    first_flush_ = !any_;
    any_ = true;
    flush_before_ = flush_at_;
    flush_at_ = now;
    flush_ = report.flush;
  }
  has_istio_ |= report.has_istio;
  if (first_flush_) return std::nullopt;
  return Stretch{flush_before_, flush_at_};
}

Tally ProxyReports::news(const Reported& metric) {
  Tally out;
  // A caller with Istio's statistics has counted its requests there.
  if (metric.key.reporter == Reporter::kCluster && has_istio_) return out;
  if (!metric.is_counter) return first_flush_ ? out : metric.durations;
  const auto found = counters_.find(metric.labels);
  if (found == counters_.end() && counters_.size() >= kMaxCounters) {
    ++dropped_;
    return out;
  }
  uint64_t& last = found == counters_.end() ? counters_[metric.labels] : found->second;
  const uint64_t added = metric.value >= last ? metric.value - last : metric.value;
  last = metric.value;
  if (first_flush_) return out;
  out.requests = static_cast<uint32_t>(std::min<uint64_t>(added, UINT32_MAX));
  if (metric.failure) out.failures = out.requests;
  return out;
}

}  // namespace remora::telemetry
