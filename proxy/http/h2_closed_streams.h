#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace remora {

/// Which streams the peer is known to have ended, so that frames on them can be told from those that cross
/// our reset on their way, which are nobody's fault. Remembers the latest only: of older ones nothing is
/// said, and nghttp2 ignores what comes. Source: RFC 9113 sections 5.1 (closed) and 5.1.1.
class H2ClosedStreams {
 public:
  enum class Verdict : uint8_t { kUnknown, kClosed, kSkipped };

  void on_opened(int32_t id) {
    if (id > last_ + 2) skipped_[next_skipped_++ % skipped_.size()] = {last_ + 2, id - 2};
    last_ = id;
  }
  /// Ended or reset by the peer: nothing may follow.
  void on_closed(int32_t id) { closed_[next_closed_++ % closed_.size()] = id; }

  [[nodiscard]] Verdict judge(int32_t id) const {
    if (std::find(closed_.begin(), closed_.end(), id) != closed_.end()) return Verdict::kClosed;
    for (const auto& [first, last] : skipped_) {
      if (id >= first && id <= last) return Verdict::kSkipped;
    }
    return Verdict::kUnknown;
  }

 private:
  struct Range {
    int32_t first = 0;
    int32_t last = 0;
  };
  std::array<int32_t, 32> closed_{};
  std::array<Range, 4> skipped_{};
  uint32_t next_closed_ = 0;
  uint32_t next_skipped_ = 0;
  int32_t last_ = -1;
};

}  // namespace remora
