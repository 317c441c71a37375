#include "upstream/limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace remora {
namespace {

constexpr Resource kAll[] = {Resource::kConnections, Resource::kPendingRequests, Resource::kRequests,
                             Resource::kRetries};

Thresholds all(uint32_t limit) {
  Thresholds thresholds;
  thresholds.max_connections = thresholds.max_pending_requests = thresholds.max_requests =
      thresholds.max_retries = limit;
  return thresholds;
}

TEST(CircuitBreakers, AllowExactlyTheLimitOnOneWorker) {
  for (const uint32_t limit : {0u, 1u, 3u, 63u, 64u, 1024u, 5000u}) {
    CircuitBreakers breakers(all(limit), all(0), 2);
    for (const Resource resource : kAll) {
      for (int round = 0; round < 3; ++round) {
        for (uint32_t i = 0; i < limit; ++i)
          ASSERT_TRUE(breakers.try_acquire(resource, false, 1)) << limit << " " << i;
        EXPECT_FALSE(breakers.try_acquire(resource, false, 1)) << limit;
        EXPECT_TRUE(breakers.open(resource, false));
        EXPECT_EQ(breakers.in_use(resource, false), limit);
        for (uint32_t i = 0; i < limit; ++i) breakers.release(resource, false, 1);
        EXPECT_EQ(breakers.in_use(resource, false), 0u);
      }
    }
  }
}

TEST(CircuitBreakers, KeepPrioritiesAndResourcesApart) {
  CircuitBreakers breakers(all(1), all(2), 2);
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 1));
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 1));
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, true, 1));
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, true, 1));
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, true, 1));
  EXPECT_TRUE(breakers.try_acquire(Resource::kConnections, false, 1));
}

TEST(CircuitBreakers, SmallLimitsAreSharedOneByOne) {
  CircuitBreakers breakers(all(3), all(0), 4);
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 1));
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 2));
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 3));
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 1));
  breakers.release(Resource::kRequests, false, 3);
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 1))
      << "a released unit is free for any worker";
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 3));
}

TEST(CircuitBreakers, IdleWorkersHoldAtMostASixteenth) {
  constexpr uint32_t kLimit = 4096;
  CircuitBreakers breakers(all(kLimit), all(0), 5);
  for (size_t shard = 2; shard <= 4; ++shard) {
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(breakers.try_acquire(Resource::kRequests, false, shard));
    for (int i = 0; i < 500; ++i) breakers.release(Resource::kRequests, false, shard);
  }
  uint32_t taken = 0;
  while (breakers.try_acquire(Resource::kRequests, false, 1)) ++taken;
  EXPECT_LE(taken, kLimit);
  EXPECT_GE(taken, kLimit - kLimit / 16);
  // A refusal makes the others give back what they hold at their next step.
  for (size_t shard = 2; shard <= 4; ++shard) {
    if (breakers.try_acquire(Resource::kRequests, false, shard))
      breakers.release(Resource::kRequests, false, shard);
  }
  while (breakers.try_acquire(Resource::kRequests, false, 1)) ++taken;
  EXPECT_EQ(taken, kLimit);
}

TEST(CircuitBreakers, ALoweredLimitHoldsAtOnceAndKeepsTheCounts) {
  CircuitBreakers breakers(all(10000), all(0), 3);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(breakers.try_acquire(Resource::kRequests, false, 1));
  breakers.update(all(40), all(0));
  EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 50u);
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 1)) << "also from what was leased before";
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 2));
  for (int i = 0; i < 11; ++i) breakers.release(Resource::kRequests, false, 1);
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 2));
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 1));
  breakers.update(all(41), all(0));
  EXPECT_TRUE(breakers.try_acquire(Resource::kRequests, false, 1));
  EXPECT_FALSE(breakers.try_acquire(Resource::kRequests, false, 2));
}

TEST(CircuitBreakers, TheLargestLimitWorks) {
  CircuitBreakers breakers(all(UINT32_MAX), all(UINT32_MAX), 9);
  for (size_t shard = 1; shard <= 8; ++shard) {
    for (const Resource resource : kAll) ASSERT_TRUE(breakers.try_acquire(resource, false, shard));
  }
  EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 8u);
  EXPECT_FALSE(breakers.open(Resource::kRequests, false));
}

TEST(CircuitBreakers, ForcedUnitsExceedTheLimitAndAreCounted) {
  CircuitBreakers breakers(all(1), all(0), 2);
  breakers.acquire(Resource::kConnections, false, 1);
  breakers.acquire(Resource::kConnections, false, 1);
  EXPECT_EQ(breakers.in_use(Resource::kConnections, false), 2u);
  breakers.release(Resource::kConnections, false, 1);
  EXPECT_FALSE(breakers.try_acquire(Resource::kConnections, false, 1));
  breakers.release(Resource::kConnections, false, 1);
  EXPECT_TRUE(breakers.try_acquire(Resource::kConnections, false, 1));
}

TEST(RetryBudget, FollowsTheLoadAboveItsFloor) {
  Thresholds thresholds = all(100000);
  thresholds.retry_budget_percent = 20.0;
  thresholds.retry_budget_min = 3;
  CircuitBreakers breakers(thresholds, all(0), 3);
  const auto retries = [&] {
    uint32_t taken = 0;
    while (breakers.try_acquire(Resource::kRetries, false, 1 + taken % 2)) ++taken;
    for (uint32_t i = 0; i < taken; ++i) breakers.release(Resource::kRetries, false, 1 + i % 2);
    return taken;
  };
  EXPECT_EQ(retries(), 3u) << "the floor";
  for (int i = 0; i < 60; ++i) breakers.acquire(Resource::kRequests, false, 1);
  EXPECT_EQ(retries(), 12u) << "a fifth of 60";
  for (int i = 0; i < 40; ++i) breakers.acquire(Resource::kPendingRequests, false, 2);
  EXPECT_EQ(retries(), 20u) << "pending ones count too, those of other workers as well";
  for (int i = 0; i < 60; ++i) breakers.release(Resource::kRequests, false, 1);
  EXPECT_EQ(retries(), 8u);
  EXPECT_EQ(breakers.limit(Resource::kRetries, false), 8u);
}

TEST(BreakerUnit, GivesItsUnitBackOnce) {
  CircuitBreakers breakers(all(1), all(0), 2);
  {
    BreakerUnit unit = BreakerUnit::take(breakers, Resource::kRequests, false, 1);
    EXPECT_TRUE(unit);
    EXPECT_FALSE(BreakerUnit::take(breakers, Resource::kRequests, false, 1));
    BreakerUnit moved = std::move(unit);
    EXPECT_FALSE(unit);  // NOLINT: the moved-from state is specified
    EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 1u);
    moved = BreakerUnit();
    EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 0u);
    moved = BreakerUnit::force(breakers, Resource::kRequests, false, 1);
    BreakerUnit second = BreakerUnit::force(breakers, Resource::kRequests, false, 1);
    EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 2u);
  }
  EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 0u);
}

/// Four threads take and release at random; at no instant may more be taken than the limit says.
TEST(CircuitBreakers, AreNeverExceededByManyWorkers) {
  for (const uint32_t limit : {1u, 5u, 300u}) {
    CircuitBreakers breakers(all(limit), all(0), 5);
    std::atomic<uint32_t> taken{0};
    std::atomic<bool> exceeded{false};
    std::vector<std::thread> threads;
    for (size_t shard = 1; shard <= 4; ++shard) {
      threads.emplace_back([&, shard] {
        uint32_t own = 0;
        uint32_t state = static_cast<uint32_t>(shard) * 2654435761u;
        for (int step = 0; step < 20000; ++step) {
          state = state * 1664525 + 1013904223;
          if ((state >> 30) != 0 && breakers.try_acquire(Resource::kRequests, false, shard)) {
            if (taken.fetch_add(1) + 1 > limit) exceeded = true;
            ++own;
          } else if (own > 0) {
            taken.fetch_sub(1);
            breakers.release(Resource::kRequests, false, shard);
            --own;
          }
        }
        for (; own > 0; --own) {
          taken.fetch_sub(1);
          breakers.release(Resource::kRequests, false, shard);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(exceeded) << limit;
    EXPECT_EQ(breakers.in_use(Resource::kRequests, false), 0u);
  }
}

}  // namespace
}  // namespace remora
