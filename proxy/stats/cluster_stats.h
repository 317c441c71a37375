#pragma once

#include "remora/core/stats.h"

namespace remora {

/// cluster.<name>.* in the order of kClusterStatDefs. Source: Envoy, cluster statistics.
enum ClusterStat : size_t {
  kUpstreamCxTotal,
  kUpstreamCxActive,
  kUpstreamCxHttp1Total,
  kUpstreamCxConnectFail,
  kUpstreamCxConnectTimeout,
  kUpstreamCxIdleTimeout,
  kUpstreamCxMaxDurationReached,
  kUpstreamCxMaxRequests,
  kUpstreamCxOverflow,
  kUpstreamCxNoneHealthy,
  kUpstreamCxConnectMs,
  kUpstreamCxLengthMs,
  kUpstreamCxDestroy,
  kUpstreamCxDestroyLocal,
  kUpstreamCxDestroyRemote,
  kUpstreamCxDestroyWithActiveRq,
  kUpstreamCxDestroyLocalWithActiveRq,
  kUpstreamCxDestroyRemoteWithActiveRq,
  kUpstreamCxProtocolError,
  kUpstreamCxRxBytesTotal,
  kUpstreamCxTxBytesTotal,
  kUpstreamRqTotal,
  kUpstreamRqActive,
  kUpstreamRqPendingTotal,
  kUpstreamRqPendingActive,
  kUpstreamRqPendingOverflow,
  kUpstreamRqActiveOverflow,
  kUpstreamRqPendingFailureEject,
  kUpstreamRqCancelled,
  kUpstreamRqMaintenanceMode,
  kUpstreamRqTimeout,
  kUpstreamRqPerTryTimeout,
  kUpstreamRqMaxDurationReached,
  kUpstreamRqRxReset,
  kUpstreamRqTxReset,
  kUpstreamRqRetry,
  kUpstreamRqRetryBackoffExponential,
  kUpstreamRqRetryLimitExceeded,
  kUpstreamRqRetrySuccess,
  kUpstreamRqRetryOverflow,
  kUpstreamRqCompleted,
  kUpstreamRq1xx,
  kUpstreamRq2xx,
  kUpstreamRq3xx,
  kUpstreamRq4xx,
  kUpstreamRq5xx,
  kUpstreamRqTime,
  kRetryOrShadowAbandoned,
  kMembershipChange,
  kMembershipTotal,
  kMembershipHealthy,
  kMembershipDegraded,
  kMembershipExcluded,
  kMaxHostWeight,
  kUpdateNoRebuild,
  kVersion,
  kLbHealthyPanic,
  kLbSubsetsActive,
  kLbSubsetsCreated,
  kLbSubsetsRemoved,
  kLbSubsetsSelected,
  kLbSubsetsFallback,
  kLbSubsetsFallbackPanic,
  kUpstreamCxHttp2Total,
  kUpstreamCxPoolOverflow,
  kUpstreamCxCloseNotify,
  kUpstreamCxConnectAttemptsExceeded,
  kUpstreamCxRxBytesBuffered,
  kUpstreamCxTxBytesBuffered,
  kBindErrors,
  kOriginalDstHostInvalid,
  kInternalRedirectSucceeded,
  kInternalRedirectFailed,
  kUpstreamRqPerTryIdleTimeout,
  kUpstreamRqRetryBackoffRatelimited,
  kAssignmentStale,
  kAssignmentTimeoutReceived,
  // circuit_breakers.default.* and then .high.*: gauges, written by the main thread when they are read.
  kCxOpen,
  kRqPendingOpen,
  kRqOpen,
  kRqRetryOpen,
  kHighCxOpen,
  kHighRqPendingOpen,
  kHighRqOpen,
  kHighRqRetryOpen,
  kClusterStatCount
};

StatSchema cluster_stat_schema();
ScopeName cluster_scope_name(std::string_view stat_name);

/// cluster.<name>.internal.* and .external.*: responses by where their requests came from.
enum OriginStat : size_t {
  kOriginRqCompleted,
  kOriginRq1xx,
  kOriginRq2xx,
  kOriginRq3xx,
  kOriginRq4xx,
  kOriginRq5xx,
  kOriginRqTime,
};
StatSchema origin_stat_schema();
ScopeName origin_scope_name(std::string_view stat_name, bool internal);

/// cluster.<name>.ring_hash_lb.* or maglev_lb.*: gauges, how the cluster's table is shared by its hosts.
enum TableStat : size_t { kTableFewest, kTableMost, kTableSize, kTableStatCount };
StatSchema table_stat_schema(bool maglev);
ScopeName table_scope_name(std::string_view stat_name, bool maglev);

/// cluster.<name>.circuit_breakers.<priority>.remaining_*, with track_remaining: gauges, written by the main
/// thread when they are read.
enum RemainingStat : size_t {
  kRemainingCx,
  kRemainingPending,
  kRemainingRq,
  kRemainingRetries,
  kRemainingStatCount
};
StatSchema remaining_stat_schema();
ScopeName remaining_scope_name(std::string_view stat_name, std::string_view priority);

}  // namespace remora
