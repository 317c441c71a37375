#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace remora {

/// Follows frames through a stream of bytes by their heads (RFC 9113 section 4.1): nghttp2 says nothing of
/// the DATA frames that it ignores.
class H2FrameWalker {
 public:
  static constexpr size_t kHeadBytes = 9;

  /// `skip`: bytes before the first frame.
  explicit H2FrameWalker(size_t skip) : skip_(skip) {}

  /// Goes on from `at`. True when a frame's head is complete: `at` is behind it then.
  bool next(std::string_view bytes, size_t& at) {
    const size_t skipped = std::min(skip_, bytes.size() - at);
    at += skipped;
    skip_ -= skipped;
    while (at < bytes.size() && have_ < kHeadBytes) head_[have_++] = static_cast<uint8_t>(bytes[at++]);
    if (have_ < kHeadBytes) return false;
    have_ = 0;
    skip_ = static_cast<size_t>(head_[0]) << 16 | static_cast<size_t>(head_[1]) << 8 | head_[2];
    return true;
  }
  [[nodiscard]] uint8_t type() const { return head_[3]; }
  [[nodiscard]] int32_t stream() const {
    return static_cast<int32_t>(uint32_t{head_[5]} << 24 | uint32_t{head_[6]} << 16 |
                                uint32_t{head_[7]} << 8 | head_[8]) &
           INT32_MAX;
  }

 private:
  size_t skip_;
  size_t have_ = 0;
  uint8_t head_[kHeadBytes]{};
};

}  // namespace remora
