#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace remora {

/// How many downstream connections there may be at once, over all workers; never one more. Any thread.
/// Source: Envoy, global_downstream_max_connections.
class ConnectionLimit : public std::enable_shared_from_this<ConnectionLimit> {
 public:
  /// A connection's place: free again when the last copy goes.
  using Place = std::shared_ptr<const void>;

  explicit ConnectionLimit(uint64_t most) : most_(most) {}

  /// Null if all are taken; `always`: a place beyond them then.
  Place take(bool always) {
    uint64_t taken = taken_.load(std::memory_order_relaxed);
    do {
      if (taken >= most_ && !always) {
        refused_.fetch_add(1, std::memory_order_relaxed);
        return nullptr;
      }
    } while (!taken_.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
    return {this, [self = shared_from_this()](const void*) {
              self->taken_.fetch_sub(1, std::memory_order_relaxed);
            }};
  }
  [[nodiscard]] uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  [[nodiscard]] uint64_t most() const { return most_; }
  /// How often there was no place.
  [[nodiscard]] uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  const uint64_t most_;
  std::atomic<uint64_t> taken_{0};
  std::atomic<uint64_t> refused_{0};
};

}  // namespace remora
