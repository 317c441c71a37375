#pragma once

#include <atomic>
#include <cstdint>

namespace remora {

/// A number that one thread writes and any thread reads: a plain load and store, no locked instruction.
class OwnedCount {
 public:
  void add(uint64_t n = 1) { value_.store(get() + n, std::memory_order_relaxed); }
  void sub(uint64_t n = 1) { value_.store(get() - n, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace remora
