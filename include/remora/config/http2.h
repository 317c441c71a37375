#pragma once

#include <cstdint>

#include "remora/core/clock.h"

namespace remora {

/// HTTP/2 of one side of the proxy. Defaults are Envoy's. Immutable, shared by all threads.
/// Source: envoy.config.core.v3.Http2ProtocolOptions.
struct Http2Options {
  uint32_t hpack_table_size = 4096;
  /// Downstream: announced to clients. Upstream: the most this proxy opens on one connection, even if the
  /// server allows more.
  uint32_t max_concurrent_streams = 1024;
  uint32_t initial_stream_window_size = 16 * 1024 * 1024;
  uint32_t initial_connection_window_size = 24 * 1024 * 1024;
  /// Extended CONNECT (RFC 8441), the way that upgrades take over HTTP/2.
  bool allow_connect = false;
  uint32_t max_outbound_frames = 10000;
  uint32_t max_outbound_control_frames = 1000;
  uint32_t max_consecutive_inbound_frames_with_empty_payload = 1;
  uint32_t max_inbound_priority_frames_per_stream = 100;
  uint32_t max_inbound_window_update_frames_per_data_frame_sent = 10;
  /// An invalid message resets its stream instead of ending the connection.
  bool stream_error_on_invalid_http_messaging = false;
  /// PINGs on a connection that is otherwise silent; interval 0: none.
  Milliseconds keepalive_interval{0};
  Milliseconds keepalive_timeout{0};
  uint32_t keepalive_jitter_percent = 15;
  /// A PING before the first stream on a connection that was idle for so long; 0: none.
  Milliseconds keepalive_idle_interval{0};
  bool operator==(const Http2Options&) const = default;
};

}  // namespace remora
