#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/core/clock.h"
#include "remora/core/random.h"
#include "remora/core/stats.h"
#include "upstream/ejection.h"
#include "upstream/host.h"

namespace remora {

/// What happened to one attempt, as outlier detection sees it. Source: Envoy, outlier detection.
enum class OutlierResult : uint8_t {
  kResponse,        ///< an HTTP response came; its status decides
  kRequestFailed,   ///< the connection stood, the request failed without a response
  kConnected,       ///< the connection was established, the request goes on
  kConnectedFinal,  ///< the connection was established, and that is all there was to do
  kConnectFailed,   ///< not established, or reset before a response
  kTimeout,         ///< the route's timeout or that of one try
};

/// Thresholds of consecutive errors that one result reached: to be handed to OutlierDetector::on_consecutive
/// on the main thread, in the order gateway, 5xx, local.
struct OutlierEvents {
  bool gateway = false;
  bool consecutive_5xx = false;
  bool local = false;
  [[nodiscard]] bool any() const { return gateway || consecutive_5xx || local; }
};

/// Charges one result to a host. On any worker; writes shared memory only when something failed, or after a
/// failure. `status`: of kResponse (0: 200); other results may carry one that replaces their own mapping.
OutlierEvents charge(HostState& host, size_t shard, const OutlierDetection& config, OutlierResult result,
                     uint16_t status = 0);

/// A host was ejected, would have been if its kind of ejection were enforced, or has returned.
struct EjectionEvent {
  const Host& host;
  bool ejected = false;  ///< else it has returned
  Ejection kind = Ejection::kConsecutive5xx;
  bool enforced = false;
  uint32_t ejections = 0;                          ///< of this host so far
  std::optional<std::chrono::seconds> since_last;  ///< nothing before the first ejection has ended
  // Of the sweep that found it out: percent, for kLatency milliseconds; -1: it was not that.
  double measured = -1;
  double average = -1;  ///< of the hosts; for kLatency their median
  double threshold = -1;
};

/// Names and order of the statistics "cluster.<name>.outlier_detection.*".
StatSchema outlier_stat_schema();

/// Decides which hosts of one cluster are ejected and when they return. Main thread only.
/// Same semantics as Envoy's, with one difference: a host that one sweep has ejected by success rate is not
/// ejected by failure percentage once more, where Envoy counts it twice as active.
class OutlierDetector {
 public:
  /// `stats`: the main thread's block of a scope over outlier_stat_schema(). `on_change` is called after
  /// hosts were ejected or returned, once per call of the methods below: make a new HostSet then. `report`
  /// (may be empty) is told of each of them.
  using Report = std::function<void(const EjectionEvent&)>;
  OutlierDetector(const OutlierDetection& config, StatBlock& stats, Random& random,
                  std::function<void()> on_change, Report report = {});
  ~OutlierDetector();

  /// New members. Ejected hosts that left no longer count as active; those that stay keep what is known of
  /// them.
  void set_hosts(const HostList& hosts);
  /// A worker's charge() said so. Ignored if the host has left or is already ejected.
  void on_consecutive(const std::shared_ptr<HostState>& host, Ejection kind, MonotonicTime now);
  /// To be called every interval(): returns hosts whose time is over, then looks at success rates, failure
  /// percentages and latencies of the time since the last sweep, then lets back-offs decay.
  void sweep(MonotonicTime now);

  /// An active health check has found the host to be well: it returns before its time.
  void return_early(HostState& host, MonotonicTime now);
  /// Returns every ejected host: outlier detection has been taken out of the cluster.
  void return_all(MonotonicTime now);

  [[nodiscard]] Milliseconds interval() const { return config_.interval; }
  /// Of the last sweep, for /clusters; -1: not computed. `local`: of local-origin results.
  [[nodiscard]] double success_rate_average(bool local) const { return average_[local ? 1 : 0]; }
  [[nodiscard]] double success_rate_threshold(bool local) const { return threshold_[local ? 1 : 0]; }
  /// In ms: the median of the hosts' percentiles, and above what a host is slow; -1: not computed.
  [[nodiscard]] double latency_median() const { return average_[kLatencies]; }
  [[nodiscard]] double latency_threshold() const { return threshold_[kLatencies]; }

 private:
  struct Volume {
    uint64_t total;
    uint64_t success;
  };
  struct Rated {
    const Host* host;
    double success_rate;
  };

  [[nodiscard]] const Host* member(const HostState& state) const;
  void return_host(const Host& host, MonotonicTime now);
  void return_if_due(const Host& host, MonotonicTime now);
  void eject(const Host& host, Ejection kind, MonotonicTime now, double measured);
  void detected(const Host& host, Ejection kind, MonotonicTime now, double measured = -1);
  void report_ejection(const Host& host, Ejection kind, bool enforced, MonotonicTime now,
                       double measured) const;
  [[nodiscard]] bool enforce(Ejection kind);
  [[nodiscard]] bool may_eject() const;
  static Volume take_volume(HostState& host, bool local);
  void judge(bool local, const std::vector<Volume>& volumes, MonotonicTime now);
  void judge_success_rates(bool local, const std::vector<Rated>& hosts, MonotonicTime now);
  void judge_failure_percentages(bool local, const std::vector<Rated>& hosts, MonotonicTime now);
  void judge_latencies(MonotonicTime now);
  void decay_backoffs(MonotonicTime now);
  void announce();

  OutlierDetection config_;
  StatBlock& stats_;
  Random& random_;
  std::function<void()> on_change_;
  Report report_;
  HostList hosts_;
  uint64_t active_ = 0;  // ejected members
  bool changed_ = false;
  static constexpr size_t kLatencies = 2;  // behind external and local results
  double average_[3] = {-1, -1, -1};
  double threshold_[3] = {-1, -1, -1};
};

}  // namespace remora
