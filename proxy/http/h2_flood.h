#pragma once

#include <cstddef>
#include <cstdint>

#include "http/h2_settings.h"
#include "remora/core/clock.h"

namespace remora {

/// Counts what a peer can send in plenty at little cost, and says when it is too much. The rules and their
/// defaults are Envoy's (Http2ProtocolOptions, and the overload rules for premature resets); each costs an
/// addition a frame. One connection's.
class H2FloodGuard {
 public:
  explicit H2FloodGuard(const H2Settings& settings) : settings_(settings) {}

  void stream_opened() { ++opened_; }
  void data_sent() { ++data_frames_sent_; }

  /// A frame has begun: false if it is one too many (counted in the statistics).
  bool on_frame(uint8_t type, size_t length, uint8_t flags);
  /// A DATA frame, whose padding is known by now, is complete.
  bool on_data_frame(bool empty, bool end);
  /// `frames` wait to be sent, `control` of them acknowledgements and resets.
  bool on_outbound(size_t frames, size_t control);
  /// A stream is over. `premature`: the client reset it within its first second, before an answer.
  /// False if too many of the connection's streams are.
  bool on_stream_over(bool premature);

  static constexpr Milliseconds kPrematureAge{1000};

 private:
  bool on_payload(bool empty, bool end);

  const H2Settings& settings_;
  uint64_t opened_ = 0;
  uint64_t data_frames_sent_ = 0;
  uint64_t priorities_ = 0;
  uint64_t window_updates_ = 0;
  uint64_t closed_ = 0;
  uint64_t premature_ = 0;
  uint32_t empty_in_a_row_ = 0;
};

}  // namespace remora
