#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "telemetry/report.h"
#include "telemetry/traffic_series.h"

namespace remora::telemetry {

/// What one proxy has reported so far, which turns counters into what happened since the flush before.
///
/// The first flush that is heard from a process tells nothing about when its requests were: it is where
/// counting begins. A counter that comes up later began at 0; one that is lower than before belongs to a
/// process that was restarted, and counts as a whole. Proxies leave out what has not changed, so silence
/// about a counter says that it stands still.
class ProxyReports {
 public:
  static constexpr size_t kMaxCounters = 20'000;

  /// A stream of this proxy has begun: the first, or one more after it was away.
  void begin_stream();

  /// The stretch of time that a message's news happened in: nothing for a first flush.
  struct Stretch {
    Time from;
    Time to;
  };
  std::optional<Stretch> begin_message(const Report& report, Time now);
  /// What a metric adds; empty where it adds nothing. Call for each metric of the message, in order.
  Tally news(const Reported& metric);

  Time last_heard() const { return flush_at_; }
  bool has_istio() const { return has_istio_; }
  uint64_t dropped() const { return dropped_; }  ///< counters beyond the limit

 private:
  std::unordered_map<uint64_t, uint64_t> counters_;  // by Reported::labels
  int64_t flush_ = 0;                                // the proxy's time of the flush being read
  Time flush_at_{};                                  // when its first message came
  Time flush_before_{};
  bool first_flush_ = true;  // of the process, as far as we know
  bool any_ = false;
  bool new_stream_ = false;
  bool has_istio_ = false;
  uint64_t dropped_ = 0;
};

}  // namespace remora::telemetry
