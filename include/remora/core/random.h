#pragma once

#include <cstdint>

namespace remora {

/// xoshiro256**: fast, and good enough for load balancing, weights, jitter and request ids. Not for secrets.
/// One per worker; never shared between threads.
class Random {
 public:
  /// Seeded from the operating system.
  Random();
  /// A fixed seed, for tests that must repeat.
  explicit Random(uint64_t seed);

  uint64_t next();
  /// Uniform in [0, bound); `bound` must not be 0. Lemire's multiply-shift: its bias is below 2^-32 for our
  /// bounds.
  uint64_t below(uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64);
  }

 private:
  void seed(uint64_t value);
  uint64_t state_[4];
};

}  // namespace remora
