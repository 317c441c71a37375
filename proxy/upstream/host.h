#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/cluster.h"
#include "remora/core/clock.h"
#include "remora/core/rare.h"
#include "upstream/ejection.h"
#include "upstream/latency_counts.h"
#include "upstream/load_report.h"
#include "upstream/owned_count.h"
#include "upstream/response_time.h"

namespace remora {

/// One worker's counts for one host: what /clusters shows, what least_request compares, what outlier
/// detection sums. Written by that worker only. Source: Envoy, per-host statistics of /clusters.
struct alignas(64) HostStats {
  OwnedCount cx_total;
  OwnedCount cx_active;
  OwnedCount cx_connect_fail;
  OwnedCount rq_total;
  OwnedCount rq_active;
  OwnedCount rq_success;  ///< answered with a status below 500
  OwnedCount rq_error;    ///< answered with 5xx, or reset
  OwnedCount rq_timeout;
  // Volumes of outlier detection; the sweep takes their differences.
  OwnedCount external_total;
  OwnedCount external_success;
  OwnedCount local_total;
  OwnedCount local_success;
  ResponseTime response_time;                // only that worker reads it, too
  std::unique_ptr<ReportedWeight> reported;  // as that; null: the host has not said anything of its load
  /// How long answers took, where outlier detection goes by it; made with the first one.
  std::atomic<LatencyCounts*> latency{nullptr};

  HostStats() = default;
  ~HostStats() { delete latency.load(std::memory_order_relaxed); }
  HostStats(const HostStats&) = delete;
  HostStats& operator=(const HostStats&) = delete;
  /// Call from the worker's own thread.
  void add_latency(MonotonicTime::duration time);
};

/// What outlier detection remembers of one host. Main thread only.
struct OutlierMonitor {
  uint32_t ejections = 0;  ///< how often it was ejected
  uint32_t backoff = 0;    ///< the multiple of base_ejection_time that the next ejection starts from
  Milliseconds jitter{0};  ///< of the present ejection
  MonotonicTime ejected_at{};
  MonotonicTime returned_at{};
  bool ever_returned = false;
  double success_rate = -1;  ///< percent, of the last sweep; -1: not enough requests
  double local_success_rate = -1;
  double latency_ms = -1;             ///< the percentile that LatencyEjection names, of the last sweep
  std::optional<Ejection> last_kind;  ///< why it was ejected the last time
  bool spared = false;  ///< would be ejected, by the last sweep or since, were that not too many
  std::unique_ptr<LatencyRanges::Sums> swept_latency;
  /// Sums at the last sweep: {external, local} x {total, success}.
  uint64_t swept_total[2] = {0, 0};
  uint64_t swept_success[2] = {0, 0};
};

/// What active health checks have found out about a host: bits of HostState::active_health(). Source: Envoy,
/// Host::HealthFlag.
enum ActiveHealth : uint8_t {
  kFailedActiveHc = 1,
  kDegradedActiveHc = 2,
  kPendingActiveHc = 4,           ///< new, and left out of all sums until its first check
  kExcludedViaImmediateFail = 8,  ///< said so itself (x-envoy-immediate-health-check-fail): left out as well
  kActiveHcTimeout = 16,          ///< failed, and its last check had no answer in time
  kPendingDynamicRemoval = 32,    ///< discovery has dropped it; it stays as long as its checks succeed
};

/// What is known of one address of one cluster as long as it is a member, however often its endpoint's
/// weight, metadata or reported health change. Shared by all threads.
class HostState {
 public:
  /// A host that has just come. `shards`: as for StatsStore (0: main thread, 1..N: workers).
  explicit HostState(size_t shards);
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

  /// The counts of shard `shard`, made on first use. Call from that shard's thread.
  HostStats& stats(size_t shard);
  /// The sum of one count over all shards. Any thread.
  [[nodiscard]] uint64_t total(OwnedCount HostStats::*count) const;
  /// The same for how long answers took. Any thread.
  [[nodiscard]] LatencyRanges::Sums latencies() const;

  /// failed_outlier_check. Set by the main thread, read by any.
  [[nodiscard]] bool ejected() const { return ejected_.load(std::memory_order_relaxed); }
  void set_ejected(bool ejected) { ejected_.store(ejected, std::memory_order_relaxed); }

  /// Since when it takes requests: slow start counts from there. Set by the main thread, read by any.
  [[nodiscard]] MonotonicTime healthy_since() const { return healthy_since_.load(std::memory_order_relaxed); }
  void set_healthy_since(MonotonicTime time) { healthy_since_.store(time, std::memory_order_relaxed); }

  /// Bits of ActiveHealth. Set by the main thread, read by any.
  [[nodiscard]] uint8_t active_health() const { return active_health_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool has(ActiveHealth flag) const { return (active_health() & flag) != 0; }
  void set(ActiveHealth flag, bool on);
  void clear_active_health();
  /// Why the last health check failed; "" if it did not. Main thread.
  [[nodiscard]] const std::string& check_failure() const { return *check_failure_; }
  void set_check_failure(std::string why) { check_failure_ = std::move(why); }

  // Consecutive errors, charged by all workers. A healthy steady state only reads them.
  std::atomic<uint32_t> consecutive_5xx{0};
  std::atomic<uint32_t> consecutive_gateway{0};
  std::atomic<uint32_t> consecutive_local{0};

  /// Made when it is first asked for. Main thread.
  OutlierMonitor& monitor();
  /// Null: there is nothing to remember. Main thread.
  [[nodiscard]] const OutlierMonitor* known_monitor() const { return monitor_.get(); }

 private:
  std::atomic<bool> ejected_{false};
  std::atomic<MonotonicTime> healthy_since_;
  std::atomic<uint8_t> active_health_{0};
  RareValue<std::string> check_failure_;
  std::unique_ptr<OutlierMonitor> monitor_;
  std::vector<std::atomic<HostStats*>> stats_;
};

enum class HostHealth : uint8_t { kHealthy, kDegraded, kUnhealthy };

/// An endpoint as one configuration describes it, and the state behind it. Immutable except for the state; a
/// changed endpoint is a new Host over the same HostState.
class Host {
 public:
  Host(std::shared_ptr<const Endpoint> endpoint, std::shared_ptr<HostState> state)
      : endpoint_(std::move(endpoint)),
        state_(std::move(state)) {}

  [[nodiscard]] const Endpoint& endpoint() const { return *endpoint_; }
  [[nodiscard]] const std::shared_ptr<const Endpoint>& shared_endpoint() const { return endpoint_; }
  /// Never null. Its address identifies the member; Hosts of the same member share it.
  [[nodiscard]] HostState& state() const { return *state_; }
  [[nodiscard]] const std::shared_ptr<HostState>& shared_state() const { return state_; }
  [[nodiscard]] uint32_t weight() const { return endpoint_->weight; }
  /// Of the reported health, of outlier detection and of active checks together, now.
  [[nodiscard]] HostHealth health() const;
  /// Left out where hosts are counted: nobody knows yet whether it is healthy, or it wants to be left alone.
  [[nodiscard]] bool excluded() const {
    return (state_->active_health() & (kPendingActiveHc | kExcludedViaImmediateFail)) != 0;
  }
  /// Envoy's text: "healthy", or "/failed_outlier_check/failed_eds_health".
  [[nodiscard]] std::string health_flags() const;

 private:
  std::shared_ptr<const Endpoint> endpoint_;
  std::shared_ptr<HostState> state_;
};

/// UNHEALTHY, DRAINING or TIMEOUT.
bool failed_eds_health(const Endpoint& endpoint);
/// Active health checks ask it.
bool is_checked(const Endpoint& endpoint);
/// As Host::health_flags().
std::string health_flags(const Endpoint& endpoint, bool ejected, uint8_t active_health);

using HostList = std::vector<std::shared_ptr<const Host>>;

/// The hosts for `endpoints`: unchanged endpoints keep their Host, changed ones their HostState, new ones get
/// both; those start as failed where `checks` are still to ask them. In the order of `endpoints`. Main
/// thread; O(hosts).
struct HostUpdate {
  HostList hosts;
  size_t added = 0;
  size_t removed = 0;
  bool changed = false;  ///< anything at all differs, the order included
};
HostUpdate update_hosts(const HostList& old, const EndpointList& endpoints, size_t shards,
                        const HealthChecks* checks = nullptr);

}  // namespace remora
