#pragma once

#include <cstdint>
#include <string_view>

namespace remora {

/// A number for a body, however it was cut into pieces: bodies that differ have different ones, but for one
/// pair in about 2^64. Costs about as much as reading them. No secret, and no protection against someone who
/// looks for two bodies of the same number.
class BodyDigest {
 public:
  void add(std::string_view bytes);
  [[nodiscard]] uint64_t size() const { return size_; }
  /// Of all bytes so far; more may follow.
  [[nodiscard]] uint64_t value() const;

 private:
  void mix(uint64_t word);

  uint64_t hash_ = 0x9e3779b97f4a7c15;
  uint64_t size_ = 0;
  uint64_t pending_ = 0;  // the last size_ % 8 bytes, first one lowest
};

}  // namespace remora
