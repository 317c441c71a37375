#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "remora/core/clock.h"

namespace remora {

/// What is measured. Source: envoy.extensions.resource_monitors.
struct ResourceMonitorConfig {
  enum class Kind : uint8_t {
    kFixedHeap,       ///< bytes that the program has taken from the allocator, of `most_bytes`
    kCgroupMemory,    ///< bytes of the control group, of its own limit or of `most_bytes`, whichever is less
    kCpuUtilization,  ///< the machine's processors, an average that fades
    kInjected,        ///< the number in the file `filename`, 0 .. 1
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

/// What is done. Source: envoy.config.overload.v3.OverloadAction.
struct OverloadActionConfig {
  enum class Kind : uint8_t { kShrinkHeap };
  std::string name;  ///< "envoy.overload_actions.shrink_heap"
  Kind kind = Kind::kShrinkHeap;
  std::vector<OverloadTrigger> triggers;  ///< the strongest counts
};

/// Source: envoy.config.overload.v3.OverloadManager. Made with the bootstrap, never changed.
struct OverloadSettings {
  Milliseconds refresh_interval{1000};
  std::vector<ResourceMonitorConfig> monitors;
  std::vector<OverloadActionConfig> actions;
};

}  // namespace remora
