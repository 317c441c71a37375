#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "rollout/metric_source.h"
#include "telemetry/live_view.h"
#include "telemetry/proxy_reports.h"
#include "telemetry/traffic_series.h"

namespace remora::telemetry {

/// The traffic of a mesh as its proxies report it: what canaries are judged by and what the page shows. It is
/// in memory only; after a restart it begins anew, which `covered` of a window says. Control thread only.
class TrafficStore final : public rollout::TrafficSource, public LiveView {
 public:
  static constexpr size_t kMaxSeries = 1000;
  static constexpr size_t kMaxProxies = 10'000;
  /// A proxy that is away for longer is a new one when it comes back.
  static constexpr Milliseconds kProxyKept{60'000};

  using Now = std::function<Time()>;
  explicit TrafficStore(Now now = [] { return Clock::now(); }) : now_(std::move(now)) {}

  /// A stream of a proxy begins. The number names the stream; 0: there are too many proxies.
  uint64_t begin_stream(const std::string& node_id);
  void end_stream(const std::string& node_id, uint64_t stream);
  /// One message. Those of a stream whose proxy has begun another one do not count.
  void take(const std::string& node_id, uint64_t stream, const Report& report);

  rollout::TrafficWindow window(const rollout::WorkloadSelection& selection,
                                Milliseconds length) const override;
  boost::json::object view() const override;
  boost::json::object numbers() const override;

  struct Counts {
    size_t proxies = 0;  ///< with a stream
    size_t series = 0;
    uint64_t reports = 0;
    uint64_t dropped = 0;  ///< metrics beyond a limit
  };
  Counts counts() const;

 private:
  struct Proxy {
    ProxyReports reports;
    uint64_t stream = 0;  // 0: away
    Time away_since{};
  };
  struct Version;

  void sweep();
  std::vector<Version> versions() const;
  boost::json::object describe(bool with_series) const;

  Now now_;
  std::unordered_map<std::string, Proxy> proxies_;
  std::map<SeriesKey, TrafficSeries> series_;
  uint64_t streams_ = 0;
  uint64_t reports_ = 0;
  uint64_t dropped_ = 0;
  Time began_{};       // the first flush of all: nothing is known before
  Time last_flush_{};  // the newest
  Time swept_{};
};

}  // namespace remora::telemetry
