#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "remora/core/clock.h"

namespace remora {

/// What is measured. Source: envoy.extensions.resource_monitors.
struct ResourceMonitorConfig {
  enum class Kind : uint8_t {
    kFixedHeap,              ///< bytes that the program has taken from the allocator, of `most_bytes`
    kCgroupMemory,           ///< bytes of the control group, of its own limit or of `most_bytes`, the less
    kCpuUtilization,         ///< the machine's processors, an average that fades
    kInjected,               ///< the number in the file `filename`, 0 .. 1
    kDownstreamConnections,  ///< those open now, of OverloadSettings::most_connections
  };
  std::string name;  ///< what triggers and statistics call it; no two have the same
  Kind kind = Kind::kFixedHeap;
  uint64_t most_bytes = 0;  ///< 0, for a control group: only its own limit
  std::string filename;
};

/// From which pressure on an action is taken. Source: envoy.config.overload.v3.Trigger.
struct OverloadTrigger {
  size_t monitor = 0;  ///< its place in OverloadSettings::monitors
  /// Above `from` the action is taken in part, from `to` on in full; with from == to, a threshold: in full
  /// from there on.
  double from = 1;
  double to = 1;
};

/// What can be done about a resource that runs short. All but the first are done by the workers.
enum class OverloadMeasure : uint8_t {
  // Actions.
  kShrinkHeap,
  kStopAcceptingRequests,
  kDisableHttpKeepalive,
  kStopAcceptingConnections,
  kRejectIncomingConnections,
  kReduceTimeouts,
  // Load shed points.
  kTcpListenerAccept,
  kDecodeHeaders,
  kHttp1AbortDispatch,
  kHttp2GoAway,
  kHttp2GoAwayAndClose,
  kCreateCodec,
  kDownstreamFilterCheck,
  kNewUpstreamConnection,
  kCount
};
inline constexpr size_t kOverloadMeasures = static_cast<size_t>(OverloadMeasure::kCount);

/// One of them, and when. Source: envoy.config.overload.v3.OverloadAction, LoadShedPoint.
struct OverloadActionConfig {
  std::string name;  ///< "envoy.overload_actions.shrink_heap"
  OverloadMeasure measure = OverloadMeasure::kShrinkHeap;
  std::vector<OverloadTrigger> triggers;  ///< the strongest counts
};

/// Timeouts that the action reduce_timeouts can shorten.
enum class ScaledTimeout : uint8_t { kConnectionIdle, kStreamIdle, kTransportSocketConnect, kConnectionMax };
inline constexpr size_t kScaledTimeouts = 4;

/// How far: to `time`, or to that part of what is configured.
struct LeastTimeout {
  std::optional<Milliseconds> time;
  double part = 1;
};

/// One kind of watched threads. Source: envoy.config.bootstrap.v3.Watchdog.
struct WatchdogSettings {
  Milliseconds miss{200};            ///< standing still for longer is counted as a miss,
  Milliseconds megamiss{1000};       ///< and for longer than this as a mega miss
  Milliseconds kill{0};              ///< the process ends if one does for longer; 0: it does not
  Milliseconds most_kill_jitter{0};  ///< added to `kill` by chance, up to so much
  Milliseconds multikill{0};         ///< or if so many do: `multikill_part` of all, two at the least
  double multikill_part = 0;         ///< 0 .. 1
};

/// What the process watches of itself: overload_manager, the limit of connections, watchdogs. Made with the
/// bootstrap, never changed. Source: envoy.config.overload.v3.OverloadManager.
struct OverloadSettings {
  Milliseconds refresh_interval{1000};
  std::vector<ResourceMonitorConfig> monitors;  ///< empty: there is no overload manager
  std::vector<OverloadActionConfig> actions;
  std::vector<OverloadActionConfig> shed_points;
  std::array<std::optional<LeastTimeout>, kScaledTimeouts> reduced;  ///< by reduce_timeouts
  /// Downstream connections that may be open at once, over all workers; absent: any number.
  std::optional<uint64_t> most_connections;
  /// By a resource monitor: listeners that bypass the overload manager are not concerned. Else by the
  /// runtime.
  bool connections_monitored = false;
  WatchdogSettings main_thread_watchdog;
  WatchdogSettings worker_watchdog;
};

}  // namespace remora
