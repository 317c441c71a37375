#include "http/h2_flood.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>

#include "stats/http2_stats.h"

namespace remora {
namespace {

// Fewer streams than this say nothing about a client's ways.
constexpr uint64_t kStreamsToJudge = 500;

}  // namespace

bool H2FloodGuard::on_frame(uint8_t type, size_t length, uint8_t flags) {
  switch (type) {
    case NGHTTP2_HEADERS: return on_payload(length == 0, (flags & NGHTTP2_FLAG_END_STREAM) != 0);
    case NGHTTP2_CONTINUATION: return on_payload(length == 0, false);
    case NGHTTP2_PRIORITY:
      if (++priorities_ <= settings_.options.max_inbound_priority_frames_per_stream * (1 + opened_))
        return true;
      settings_.stats->add(kHttp2InboundPriorityFramesFlood);
      return false;
    case NGHTTP2_WINDOW_UPDATE: {
      const uint64_t per_data = settings_.options.max_inbound_window_update_frames_per_data_frame_sent;
      if (++window_updates_ <= 5 + 2 * (opened_ + per_data * data_frames_sent_)) return true;
      settings_.stats->add(kHttp2InboundWindowUpdateFramesFlood);
      return false;
    }
    default: return true;
  }
}

bool H2FloodGuard::on_data_frame(bool empty, bool end) { return on_payload(empty, end); }

bool H2FloodGuard::on_payload(bool empty, bool end) {
  empty_in_a_row_ = empty && !end ? empty_in_a_row_ + 1 : 0;
  if (empty_in_a_row_ <= settings_.options.max_consecutive_inbound_frames_with_empty_payload) return true;
  settings_.stats->add(kHttp2InboundEmptyFramesFlood);
  return false;
}

bool H2FloodGuard::on_outbound(size_t frames, size_t control) {
  if (frames > settings_.options.max_outbound_frames) {
    settings_.stats->add(kHttp2OutboundFlood);
    return false;
  }
  if (control > settings_.options.max_outbound_control_frames) {
    settings_.stats->add(kHttp2OutboundControlFlood);
    return false;
  }
  return true;
}

bool H2FloodGuard::on_stream_over(bool premature) {
  ++closed_;
  if (!premature || !settings_.watch_resets) return true;
  return ++premature_ * 2 < std::max(kStreamsToJudge, closed_);
}

}  // namespace remora
