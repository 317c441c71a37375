#pragma once

#include <cstddef>

#include "remora/core/stats.h"

namespace remora {

/// The statistics of the process, `server.*`. Filled by the server on the main thread (shard 0).
/// Source: Envoy, server statistics.
namespace server_stats {

enum Stat : size_t {
  kUptime,              ///< seconds
  kLive,                ///< 1 while LIVE, 0 otherwise (also after /healthcheck/fail)
  kState,               ///< ServerState
  kConcurrency,         ///< workers
  kMemoryAllocated,     ///< bytes in use by the program
  kMemoryHeapSize,      ///< bytes the allocator holds
  kMemoryPhysicalSize,  ///< bytes resident
  kParentConnections,   ///< of the old process of a hot restart
  kTotalConnections,    ///< downstream connections of all listeners
  kVersion,             ///< number made of the revision
  kDaysUntilFirstCertExpiring,
  kHotRestartEpoch,
  kStaticUnknownFields,   ///< counter
  kInitializationTimeMs,  ///< histogram: from start to LIVE
  kCount,
};

inline constexpr StatDef kSchema[kCount] = {
    {.name = "uptime", .kind = StatKind::kGauge},
    {.name = "live", .kind = StatKind::kGauge},
    {.name = "state", .kind = StatKind::kGauge},
    {.name = "concurrency", .kind = StatKind::kGauge},
    {.name = "memory_allocated", .kind = StatKind::kGauge},
    {.name = "memory_heap_size", .kind = StatKind::kGauge},
    {.name = "memory_physical_size", .kind = StatKind::kGauge},
    {.name = "parent_connections", .kind = StatKind::kGauge},
    {.name = "total_connections", .kind = StatKind::kGauge},
    {.name = "version", .kind = StatKind::kGauge},
    {.name = "days_until_first_cert_expiring", .kind = StatKind::kGauge},
    {.name = "hot_restart_epoch", .kind = StatKind::kGauge},
    {.name = "static_unknown_fields", .kind = StatKind::kCounter},
    {.name = "initialization_time_ms", .kind = StatKind::kHistogram},
};

/// The one scope of this schema.
inline ScopeName scope_name() {
  return {.prefix = "server.", .prometheus_prefix = "envoy_server_", .tags = {}};
}

}  // namespace server_stats

}  // namespace remora
