#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "remora/config/cluster.h"

namespace remora {

/// What circuit breakers count. Source: Envoy, circuit breaking.
enum class Resource : uint8_t { kConnections, kPendingRequests, kRequests, kRetries };
inline constexpr size_t kResources = 4;

/// A limit that all workers of a cluster share. It is never exceeded. Workers take leases of several units at
/// once and count inside them, so that a steady load writes nothing shared; when a worker is refused, the
/// others give their unused units back at their next step. Until then at most 1/16 of the limit can lie
/// unused; limits below 64 x workers, and retries, are counted one by one: those are exact both ways.
class SharedLimit {
 public:
  /// One worker's part. Written by that worker; `in_use` is read by any thread.
  struct Shard {
    std::atomic<uint32_t> in_use{0};
    uint32_t leased = 0;
    uint32_t seen_limit = 0;
  };

  /// Sets the limit; what is in use stays counted. `workers` bounds the size of a lease. Main thread.
  void set(uint32_t limit, size_t workers);
  [[nodiscard]] uint32_t limit() const { return limit_.load(std::memory_order_relaxed); }

  /// Takes one unit if there is one. Only by the shard's worker.
  bool try_acquire(Shard& shard);
  /// As above, against another limit than the set one, unit by unit: for limits that move with the load.
  bool try_acquire(Shard& shard, uint32_t limit);
  /// Takes one unit whatever the limit says, for what must not be refused.
  void acquire(Shard& shard);
  void release(Shard& shard);
  /// Gives back everything a worker holds that is not in use.
  void give_back_unused(Shard& shard) { give_back(shard, 0); }

 private:
  bool lease(Shard& shard, uint32_t limit, uint32_t wanted);
  void give_back(Shard& shard, uint32_t keep);

  // Every cluster has eight of these.
  std::atomic<uint64_t> leased_{0};  // sum of all leases; above the limit after it was lowered
  std::atomic<uint32_t> limit_{0};
  std::atomic<uint16_t> chunk_{1};    // how many units a worker takes at once
  std::atomic<bool> starved_{false};  // somebody was refused: hold nothing unused
};

/// The circuit breakers of one cluster: four limits at each of two priorities, for all workers. Survives
/// updates of the cluster, so that what is in use stays counted.
class CircuitBreakers {
 public:
  /// `shards`: workers + 1, as for StatsStore.
  CircuitBreakers(const Thresholds& normal, const Thresholds& high, size_t shards);
  ~CircuitBreakers();
  CircuitBreakers(const CircuitBreakers&) = delete;
  CircuitBreakers& operator=(const CircuitBreakers&) = delete;

  /// New thresholds. Main thread; workers see them at their next step.
  void update(const Thresholds& normal, const Thresholds& high);

  bool try_acquire(Resource resource, bool high_priority, size_t shard);
  void acquire(Resource resource, bool high_priority, size_t shard);
  void release(Resource resource, bool high_priority, size_t shard);

  // For gauges (circuit_breakers.default.rq_open, remaining_rq, ...) and /clusters. Any thread; sums over the
  // workers.
  [[nodiscard]] uint64_t in_use(Resource resource, bool high_priority) const;
  /// The limit at this moment: that of retries moves with the load when there is a retry budget.
  [[nodiscard]] uint64_t limit(Resource resource, bool high_priority) const;
  [[nodiscard]] bool open(Resource resource, bool high_priority) const {
    return in_use(resource, high_priority) >= limit(resource, high_priority);
  }

 private:
  /// One worker's counts of everything: no two workers share a cache line.
  struct alignas(64) Shards {
    SharedLimit::Shard of[2][kResources];
  };
  struct Priority {
    SharedLimit limits[kResources];
    // Retry budget in hundredths of a percent of requests in flight; kNoBudget: a fixed number of retries.
    std::atomic<uint32_t> budget{kNoBudget};
    std::atomic<uint32_t> budget_min{3};
  };
  static constexpr uint32_t kNoBudget = UINT32_MAX;

  void set(Priority& priority, const Thresholds& thresholds);
  /// Made when its worker first asks. From that worker.
  SharedLimit::Shard& own(Resource resource, bool high_priority, size_t shard);

  Priority priorities_[2];
  std::vector<std::atomic<Shards*>> shards_;
};

/// One unit of a breaker, given back when it goes. Move-only; on the worker that took it.
class BreakerUnit {
 public:
  BreakerUnit() = default;
  /// Empty when the breaker is open.
  static BreakerUnit take(CircuitBreakers& breakers, Resource resource, bool high_priority, size_t shard);
  /// Never empty: may exceed the limit.
  static BreakerUnit force(CircuitBreakers& breakers, Resource resource, bool high_priority, size_t shard);

  BreakerUnit(BreakerUnit&& other) noexcept;
  BreakerUnit& operator=(BreakerUnit&& other) noexcept;
  ~BreakerUnit() { reset(); }
  explicit operator bool() const { return breakers_ != nullptr; }
  [[nodiscard]] bool high_priority() const { return high_priority_; }
  void reset();

 private:
  BreakerUnit(CircuitBreakers* breakers, Resource resource, bool high_priority, size_t shard)
      : breakers_(breakers),
        shard_(static_cast<uint32_t>(shard)),
        resource_(resource),
        high_priority_(high_priority) {}

  CircuitBreakers* breakers_ = nullptr;
  uint32_t shard_ = 0;
  Resource resource_ = Resource::kConnections;
  bool high_priority_ = false;
};

}  // namespace remora
