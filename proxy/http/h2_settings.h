#pragma once

#include "http/h1_head.h"
#include "remora/config/http2.h"
#include "remora/core/stats.h"

namespace remora {

/// What an HTTP/2 codec needs to know. Held by its connection.
struct H2Settings {
  Http2Options options;
  /// Of a decoded head or trailer section. Cookies, which clients may cut into as many fields as they like,
  /// count apart: as many bytes again, and kMaxCookieCrumbs pieces.
  HeadLimits limits;
  /// How many bytes of one body may be in flight before its sender gets no more window.
  size_t buffer_limit = 1024 * 1024;
  /// How long a message that is complete here may wait for the peer's window. 0: for ever.
  Milliseconds flush_timeout{0};
  /// Ends connections most of whose streams are reset by the client at once (Envoy's premature resets).
  bool watch_resets = true;
  /// Of http2_stats.h, never null. Borrowed.
  StatBlock* stats = nullptr;

  static constexpr size_t kMaxCookieCrumbs = 500;
};

}  // namespace remora
