#include "upstream/limit.h"

#include <algorithm>
#include <utility>

namespace remora {
namespace {

template <typename T>
T load(const std::atomic<T>& value) {
  return value.load(std::memory_order_relaxed);
}

}  // namespace

void SharedLimit::set(uint32_t limit, size_t workers) {
  // A worker keeps less than two chunks unused.
  const size_t chunk = limit / (32 * std::max<size_t>(1, workers));
  chunk_.store(static_cast<uint16_t>(std::clamp<size_t>(chunk, 1, UINT16_MAX)), std::memory_order_relaxed);
  limit_.store(limit, std::memory_order_relaxed);
}

bool SharedLimit::try_acquire(Shard& shard) {
  const uint32_t in_use = load(shard.in_use);
  const uint32_t limit = load(limit_);
  if (shard.leased > in_use && limit != shard.seen_limit) give_back(shard, 0);  // leased under another limit
  shard.seen_limit = limit;
  if (shard.leased <= in_use) {
    const uint32_t wanted = starved_.load(std::memory_order_relaxed) ? 1 : load(chunk_);
    if (!lease(shard, limit, wanted)) return false;
  }
  shard.in_use.store(in_use + 1, std::memory_order_relaxed);
  return true;
}

bool SharedLimit::try_acquire(Shard& shard, uint32_t limit) {
  give_back(shard, 0);
  if (!lease(shard, limit, 1)) return false;
  shard.in_use.store(load(shard.in_use) + 1, std::memory_order_relaxed);
  return true;
}

void SharedLimit::acquire(Shard& shard) {
  const uint32_t in_use = load(shard.in_use);
  if (shard.leased <= in_use) {
    leased_.fetch_add(1, std::memory_order_relaxed);
    ++shard.leased;
  }
  shard.in_use.store(in_use + 1, std::memory_order_relaxed);
}

void SharedLimit::release(Shard& shard) {
  const uint32_t in_use = load(shard.in_use) - 1;
  shard.in_use.store(in_use, std::memory_order_relaxed);
  const uint32_t chunk = load(chunk_);
  if (chunk == 1 || starved_.load(std::memory_order_relaxed)) {
    give_back(shard, 0);
  } else if (shard.leased - in_use >= 2 * uint64_t{chunk}) {
    give_back(shard, chunk);
  }
}

/// Takes up to `wanted` units from the centre, at least one or none.
bool SharedLimit::lease(Shard& shard, uint32_t limit, uint32_t wanted) {
  uint64_t leased = leased_.load(std::memory_order_relaxed);
  while (leased < limit) {
    const auto units = static_cast<uint32_t>(std::min<uint64_t>(wanted, limit - leased));
    if (!leased_.compare_exchange_weak(leased, leased + units, std::memory_order_relaxed)) continue;
    shard.leased += units;
    const bool plenty = limit - leased > limit / 2;
    if (plenty && starved_.load(std::memory_order_relaxed)) starved_.store(false, std::memory_order_relaxed);
    return true;
  }
  if (!starved_.load(std::memory_order_relaxed)) starved_.store(true, std::memory_order_relaxed);
  return false;
}

void SharedLimit::give_back(Shard& shard, uint32_t keep) {
  const uint32_t wanted = load(shard.in_use) + keep;
  if (shard.leased <= wanted) return;
  leased_.fetch_sub(shard.leased - wanted, std::memory_order_relaxed);
  shard.leased = wanted;
}

CircuitBreakers::CircuitBreakers(const Thresholds& normal, const Thresholds& high, size_t shards)
    : shards_(shards) {
  update(normal, high);
}

CircuitBreakers::~CircuitBreakers() {
  for (auto& slot : shards_) delete slot.load(std::memory_order_relaxed);
}

SharedLimit::Shard& CircuitBreakers::own(Resource resource, bool high_priority, size_t shard) {
  Shards* shards = shards_[shard].load(std::memory_order_relaxed);
  if (shards == nullptr) {
    shards = new Shards;
    shards_[shard].store(shards, std::memory_order_release);
  }
  return shards->of[high_priority ? 1 : 0][static_cast<size_t>(resource)];
}

void CircuitBreakers::update(const Thresholds& normal, const Thresholds& high) {
  set(priorities_[0], normal);
  set(priorities_[1], high);
}

void CircuitBreakers::set(Priority& priority, const Thresholds& thresholds) {
  const size_t workers = shards_.size() - 1;
  const auto limit = [&](Resource resource) -> SharedLimit& {
    return priority.limits[static_cast<size_t>(resource)];
  };
  limit(Resource::kConnections).set(thresholds.max_connections, workers);
  limit(Resource::kPendingRequests).set(thresholds.max_pending_requests, workers);
  limit(Resource::kRequests).set(thresholds.max_requests, workers);
  limit(Resource::kRetries).set(thresholds.max_retries, workers);
  const auto& percent = thresholds.retry_budget_percent;
  priority.budget.store(percent ? static_cast<uint32_t>(*percent * 100) : kNoBudget,
                        std::memory_order_relaxed);
  priority.budget_min.store(thresholds.retry_budget_min, std::memory_order_relaxed);
}

bool CircuitBreakers::try_acquire(Resource resource, bool high_priority, size_t shard) {
  SharedLimit& limit = priorities_[high_priority ? 1 : 0].limits[static_cast<size_t>(resource)];
  SharedLimit::Shard& own = this->own(resource, high_priority, shard);
  if (resource != Resource::kRetries) return limit.try_acquire(own);
  // Retries are rare and their limits small: one by one.
  const uint64_t now = this->limit(resource, high_priority);
  return limit.try_acquire(own, static_cast<uint32_t>(std::min<uint64_t>(now, UINT32_MAX)));
}

void CircuitBreakers::acquire(Resource resource, bool high_priority, size_t shard) {
  priorities_[high_priority ? 1 : 0].limits[static_cast<size_t>(resource)].acquire(
      own(resource, high_priority, shard));
}

void CircuitBreakers::release(Resource resource, bool high_priority, size_t shard) {
  SharedLimit& limit = priorities_[high_priority ? 1 : 0].limits[static_cast<size_t>(resource)];
  SharedLimit::Shard& own = this->own(resource, high_priority, shard);
  limit.release(own);
  if (resource == Resource::kRetries) limit.give_back_unused(own);
}

uint64_t CircuitBreakers::in_use(Resource resource, bool high_priority) const {
  uint64_t sum = 0;
  for (const auto& slot : shards_) {
    const Shards* shards = slot.load(std::memory_order_acquire);
    if (shards != nullptr)
      sum += load(shards->of[high_priority ? 1 : 0][static_cast<size_t>(resource)].in_use);
  }
  return sum;
}

uint64_t CircuitBreakers::limit(Resource resource, bool high_priority) const {
  const Priority& priority = priorities_[high_priority ? 1 : 0];
  const uint32_t budget = load(priority.budget);
  if (resource != Resource::kRetries || budget == kNoBudget)
    return priority.limits[static_cast<size_t>(resource)].limit();
  const uint64_t load_now =
      in_use(Resource::kRequests, high_priority) + in_use(Resource::kPendingRequests, high_priority);
  return std::max<uint64_t>(load(priority.budget_min), load_now * budget / 10000);
}

BreakerUnit BreakerUnit::take(CircuitBreakers& breakers, Resource resource, bool high_priority,
                              size_t shard) {
  if (!breakers.try_acquire(resource, high_priority, shard)) return {};
  return {&breakers, resource, high_priority, shard};
}

BreakerUnit BreakerUnit::force(CircuitBreakers& breakers, Resource resource, bool high_priority,
                               size_t shard) {
  breakers.acquire(resource, high_priority, shard);
  return {&breakers, resource, high_priority, shard};
}

BreakerUnit::BreakerUnit(BreakerUnit&& other) noexcept
    : breakers_(std::exchange(other.breakers_, nullptr)),
      shard_(other.shard_),
      resource_(other.resource_),
      high_priority_(other.high_priority_) {}

BreakerUnit& BreakerUnit::operator=(BreakerUnit&& other) noexcept {
  if (this == &other) return *this;
  reset();
  breakers_ = std::exchange(other.breakers_, nullptr);
  shard_ = other.shard_;
  resource_ = other.resource_;
  high_priority_ = other.high_priority_;
  return *this;
}

void BreakerUnit::reset() {
  if (auto* breakers = std::exchange(breakers_, nullptr))
    breakers->release(resource_, high_priority_, shard_);
}

}  // namespace remora
