#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "client/metrics_config.h"
#include "remora/core/clock.h"
#include "remora/core/stats.h"

namespace io::prometheus::client {
class Metric;
class MetricFamily;
}  // namespace io::prometheus::client
namespace envoy::service::metrics::v3 {
class StreamMetricsMessage;
}

namespace remora::xds {

/// Turns the statistics of the process into messages for a metrics service. A flush is a series of messages:
/// begin_flush(), then next() until it says that there is no more. Only one message is in memory at a time.
///
/// What Envoy would send: one family a statistic; statistics that were never used are left out; histograms
/// hold what came since the flush before. What differs: a counter or gauge that has the value it was last
/// sent with is left out as well, after the first flush of a stream. Any one thread; reads statistics without
/// stopping anybody.
class MetricsEncoder {
 public:
  using Message = envoy::service::metrics::v3::StreamMetricsMessage;

  MetricsEncoder(const StatsStore& stats, const MetricsFormat& format);
  ~MetricsEncoder();

  /// The other side knows nothing yet: everything is sent again.
  void begin_stream();
  void begin_flush(WallTime now);
  /// Fills an empty message; false if it is the flush's last one (and may have no family at all).
  bool next(Message& message);

 private:
  using Metric = io::prometheus::client::Metric;
  using Family = io::prometheus::client::MetricFamily;
  /// A counter's or gauge's value as it was last sent; by statistic, those that were used only.
  struct Sent {
    uint32_t stat = 0;
    uint32_t stream = 0;
    uint64_t value = 0;
  };
  /// A histogram as it was last sent: its buckets with samples.
  struct SentHistogram {
    uint64_t count = 0;
    uint64_t sum = 0;
    std::vector<std::pair<uint16_t, uint64_t>> buckets;
  };
  struct ScopeState {
    std::weak_ptr<StatScope> scope;
    std::vector<Sent> values;  // exact statuses too, under kStatuses + status
    std::unordered_map<uint32_t, SentHistogram> histograms;
    std::string name;  // of the scope, as it is sent
  };
  static constexpr uint32_t kStatuses = 1u << 16;

  ScopeState& state_of(const std::shared_ptr<StatScope>& scope);
  void encode_scope(const StatScope& scope, ScopeState& state, Message& message);
  void encode_value(const StatScope& scope, ScopeState& state, uint32_t stat, uint64_t value, bool is_gauge,
                    std::string_view name, std::pair<std::string_view, std::string_view> tag,
                    Message& message);
  void encode_histogram(const StatScope& scope, ScopeState& state, uint32_t stat, Message& message);
  static HistogramSnapshot since(const HistogramSnapshot& now, SentHistogram& before);
  Metric& add_metric(const StatScope& scope, const ScopeState& state, std::string_view name,
                     std::pair<std::string_view, std::string_view> tag, Message& message, Family*& family);
  void forget_gone();
  bool is_over(const Message& message, int by) const;

  const StatsStore& stats_;
  const MetricsFormat format_;
  std::unordered_map<const StatScope*, ScopeState> states_;
  uint32_t stream_ = 0;
  int64_t time_ms_ = 0;
  size_t bytes_ = 0;  // of the message being filled, about

  // Of the current flush.
  std::vector<std::weak_ptr<StatScope>> scopes_;  // not kept alive: a flush lasts as long as the server likes
  size_t next_scope_ = 0;
  std::unique_ptr<Message> rest_;  // encoded, beyond the batch size
};

}  // namespace remora::xds
