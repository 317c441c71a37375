#pragma once

#include <string_view>

#include "remora/core/stats.h"

namespace remora {

/// What HTTP/2 codecs count: `http2.*` for all downstream connections, `cluster.<name>.http2.*` upstream.
/// Source: Envoy, HTTP/2 codec statistics.
enum Http2Stat : size_t {
  kHttp2GoawaySent,
  kHttp2HeaderOverflow,
  kHttp2InboundEmptyFramesFlood,
  kHttp2InboundPriorityFramesFlood,
  kHttp2InboundWindowUpdateFramesFlood,
  kHttp2KeepaliveTimeout,
  kHttp2OutboundControlFlood,
  kHttp2OutboundFlood,
  kHttp2RxMessagingError,
  kHttp2RxReset,
  kHttp2StreamRefusedErrors,
  kHttp2Trailers,
  kHttp2TxFlushTimeout,
  kHttp2TxReset,
  kHttp2StreamsActive,
  kHttp2PendingSendBytes,
  kHttp2StatCount
};
StatSchema http2_stat_schema();
/// The scope of all downstream connections.
ScopeName downstream_http2_scope_name();
ScopeName cluster_http2_scope_name(std::string_view stat_name);

}  // namespace remora
