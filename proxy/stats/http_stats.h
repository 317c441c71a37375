#pragma once

#include "remora/core/stats.h"

namespace remora {

/// http.<stat_prefix>.* of one connection manager, in the order of kHttpStatDefs.
/// Source: Envoy, HTTP connection manager statistics.
enum HttpStat : size_t {
  kDownstreamCxTotal,
  kDownstreamCxActive,
  kDownstreamCxHttp1Total,
  kDownstreamCxHttp1Active,
  kDownstreamCxDestroy,
  kDownstreamCxDestroyRemote,
  kDownstreamCxDestroyLocal,
  kDownstreamCxDestroyActiveRq,
  kDownstreamCxDestroyLocalActiveRq,
  kDownstreamCxDestroyRemoteActiveRq,
  kDownstreamCxProtocolError,
  kDownstreamCxLengthMs,
  kDownstreamCxRxBytesTotal,
  kDownstreamCxTxBytesTotal,
  kDownstreamCxDrainClose,
  kDownstreamCxIdleTimeout,
  kDownstreamCxMaxDurationReached,
  kDownstreamCxMaxRequestsReached,
  kDownstreamCxUpgradesTotal,
  kDownstreamCxUpgradesActive,
  kDownstreamCxDelayedCloseTimeout,
  kDownstreamRqTotal,
  kDownstreamRqActive,
  kDownstreamRqHttp1Total,
  kDownstreamRq1xx,
  kDownstreamRq2xx,
  kDownstreamRq3xx,
  kDownstreamRq4xx,
  kDownstreamRq5xx,
  kDownstreamRqCompleted,
  kDownstreamRqTime,
  kDownstreamRqRxReset,
  kDownstreamRqTxReset,
  kDownstreamRqNonRelativePath,
  kDownstreamRqTooLarge,
  kDownstreamRqIdleTimeout,
  kDownstreamRqTimeout,
  kDownstreamRqHeaderTimeout,
  kDownstreamRqMaxDurationReached,
  kDownstreamRqWsOnNonWsRoute,
  kDownstreamRqResponseBeforeRqComplete,
  kDownstreamRqFailedPathNormalization,
  kDownstreamRqRedirectedWithNormalizedPath,
  kDownstreamFlowControlPaused,
  kDownstreamFlowControlResumed,
  kDownstreamCxHttp2Total,
  kDownstreamCxHttp2Active,
  kDownstreamCxSslTotal,
  kDownstreamCxSslActive,
  kDownstreamRqHttp2Total,
  kDownstreamCxOverloadDisableKeepalive,
  kDownstreamRqOverloadClose,
  kDownstreamCxRxBytesBuffered,
  kDownstreamCxTxBytesBuffered,
  kNoRoute,
  kNoCluster,
  kRqRedirect,
  kRqDirectResponse,
  kRqTotal,
  kRqResetAfterDownstreamResponseStarted,
  kRsTooLarge,
  kDownstreamRqTooManyPrematureResets,
  kInternalRedirectBadLocation,
  kInternalRedirectUnsafeScheme,
  kInternalRedirectTooMany,
  kInternalRedirectNoRoute,
  kInternalRedirectPredicate,
  kRqOverloadLocalReply,
  kHttpStatCount
};

StatSchema http_stat_schema();
ScopeName http_scope_name(std::string_view stat_prefix);
/// The counter of a status' class among five that stand in a row (1xx..5xx).
inline size_t class_stat(size_t first, uint16_t status) {
  return first + (status < 100 || status > 599 ? 4u : status / 100u - 1u);
}

/// listener.<address>.worker_<n>.*: one worker's share.
enum ListenerWorkerStat : size_t { kWorkerCxTotal, kWorkerCxActive };
StatSchema listener_worker_stat_schema();
ScopeName listener_worker_scope_name(std::string_view listener_prefix, size_t worker);

/// listener.<address>.*, in the order of its definitions.
enum ListenerStat : size_t {
  kListenerCxTotal,
  kListenerCxActive,
  kListenerCxDestroy,
  kListenerCxLengthMs,
  kListenerCxOverflow,
  kListenerNoFilterChainMatch,
  kListenerCxTransportSocketConnectTimeout,
  kListenerPreCxActive,
  kListenerPreCxTimeout,
  kListenerFilterRemoteClose,
  kListenerFilterError,
  kListenerCxOverloadReject,
  kListenerGlobalCxOverflow,
  kListenerStatCount
};
StatSchema listener_stat_schema();
ScopeName listener_scope_name(std::string_view stat_prefix);

/// listener.<address>.http.<stat_prefix>.*: responses by class of one connection manager on one listener.
enum ListenerHttpStat : size_t {
  kListenerRq1xx,
  kListenerRq2xx,
  kListenerRq3xx,
  kListenerRq4xx,
  kListenerRq5xx,
  kListenerRqCompleted
};
StatSchema listener_http_stat_schema();
ScopeName listener_http_scope_name(std::string_view listener_prefix, std::string_view stat_prefix);

}  // namespace remora
