#pragma once

#include <cstdint>
#include <string_view>

namespace remora::filters {

/// Counts the messages of one direction of a gRPC call in its body, however the body is cut into pieces. A
/// message counts when its first byte arrives. Keeps nothing of the body. Source: gRPC over HTTP/2,
/// Length-Prefixed-Message.
class MessageCounter {
 public:
  /// Looks at the next piece of the body; the number of messages that begin in it.
  uint64_t add(std::string_view bytes);
  /// All messages so far.
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  static constexpr uint8_t kPrefix = 5;  // a byte of flags, four of length

  uint64_t count_ = 0;
  uint32_t length_ = 0;  // of the message, as far as it is read; then what is still to come of it
  uint8_t at_ = 0;       // in the prefix; kPrefix: in the message
};

}  // namespace remora::filters
