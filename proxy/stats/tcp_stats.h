#pragma once

#include <string_view>

#include "remora/core/stats.h"

namespace remora {

/// tcp.<stat_prefix>.* of one TCP proxy, in the order of its definitions. Source: Envoy, TCP proxy
/// statistics.
enum TcpStat : size_t {
  kTcpCxTotal,
  kTcpCxNoRoute,
  kTcpCxTxBytesTotal,
  kTcpCxTxBytesBuffered,
  kTcpCxRxBytesTotal,
  kTcpCxRxBytesBuffered,
  kTcpFlowControlPaused,
  kTcpFlowControlResumed,
  kTcpIdleTimeout,
  kTcpMaxDownstreamConnectionDuration,
  kTcpUpstreamFlushTotal,
  kTcpUpstreamFlushActive,
};
StatSchema tcp_stat_schema();
ScopeName tcp_scope_name(std::string_view stat_prefix);

}  // namespace remora
