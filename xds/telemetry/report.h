#pragma once

#include <array>
#include <cmath>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace envoy::service::metrics::v3 {
class StreamMetricsMessage;
}

namespace remora::telemetry {

/// Upper bounds of the latency buckets, in milliseconds: Envoy's and Remora's own.
inline constexpr std::array<double, 20> kBoundsMs = {0.5,   1,      5,      10,      25,      50,      100,
                                                     250,   500,    1000,   2500,    5000,    10000,   30000,
                                                     60000, 300000, 600000, 1800000, 3600000, HUGE_VAL};

/// Who counted. The destination's own proxy knows best; then its callers; then callers that have no Istio
/// statistics (a stock Envoy), whose clusters counted.
enum class Reporter : uint8_t { kDestination, kSource, kCluster };
inline constexpr size_t kReporters = 3;
const char* to_string(Reporter reporter);  ///< "destination", "source", "cluster"

/// What traffic is kept apart by.
struct SeriesKey {
  std::string ns;
  std::string app;
  std::string version;
  std::string workload;
  Reporter reporter = Reporter::kDestination;
  auto operator<=>(const SeriesKey&) const = default;  // NOLINT: clang-tidy 14 takes its 0 for a pointer
};

/// Requests of some time.
struct Tally {
  uint32_t requests = 0;
  uint32_t failures = 0;                            ///< 5xx
  std::array<uint32_t, kBoundsMs.size()> slower{};  ///< durations by bucket, not cumulative
  void add(const Tally& other);
  bool empty() const;
};

/// One metric of a report that is about traffic.
struct Reported {
  SeriesKey key;
  uint64_t labels = 0;   ///< a hash of the metric's name and all its labels: which counter it is
  bool failure = false;  ///< the response code is a 5xx
  bool is_counter = true;
  uint64_t value = 0;  ///< a counter's, since its process began
  Tally durations;     ///< a histogram's, since the flush before
};

/// What one message of a proxy says about traffic.
struct Report {
  std::string node_id;     ///< on the first message of a stream
  int64_t flush = 0;       ///< the proxy's own time of the flush: the same in all its messages. 0: no metrics
  bool has_istio = false;  ///< the proxy has Istio's statistics
  bool unlabelled = false;  ///< tags are part of the names: nothing here can be told apart
  std::vector<Reported> metrics;
};

/// Reads istio_requests_total and istio_request_duration_milliseconds, and the clusters' counterparts of
/// both.
Report read_report(const envoy::service::metrics::v3::StreamMetricsMessage& message);

}  // namespace remora::telemetry
