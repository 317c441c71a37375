#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace remora {

/// Reads numbers and length-prefixed pieces off the front of some bytes, big-endian. Once something does not
/// fit, ok() is false and everything reads as empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  uint32_t number(size_t width) {
    uint32_t value = 0;
    for (const char byte : take(width)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::string_view take(size_t size) {
    if (size > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const auto piece = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return piece;
  }
  /// A piece with its length in front, in `width` bytes.
  std::string_view piece(size_t width) { return take(number(width)); }

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
  bool ok_ = true;
};

}  // namespace remora
