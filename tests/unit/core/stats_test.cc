#include "remora/core/stats.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

enum Stat : size_t { kRequests, kActive, kTime, kErrors };
constexpr StatDef kSchema[] = {
    {.name = "rq_total"},
    {.name = "rq_active", .kind = StatKind::kGauge},
    {.name = "rq_time", .kind = StatKind::kHistogram},
    {.name = "rq_error"},
};

TEST(Histogram, BucketsHoldTwoSignificantDigits) {
  EXPECT_EQ(Histogram::bucket_of(0), 0u);
  EXPECT_EQ(Histogram::bucket_of(1), 1u);
  EXPECT_EQ(Histogram::bucket_of(2), 11u);
  EXPECT_EQ(Histogram::bucket_of(9), 81u);
  EXPECT_EQ(Histogram::bucket_of(10), 91u);
  EXPECT_EQ(Histogram::bucket_of(99), 180u);
  EXPECT_EQ(Histogram::bucket_of(100), 181u);
  EXPECT_EQ(Histogram::bucket_of(109), 181u);
  EXPECT_EQ(Histogram::bucket_of(110), 182u);
  EXPECT_EQ(Histogram::bucket_of(999'999'999), Histogram::kBuckets - 2);
  EXPECT_EQ(Histogram::bucket_of(1'000'000'000), Histogram::kBuckets - 1);
  EXPECT_EQ(Histogram::bucket_of(UINT64_MAX), Histogram::kBuckets - 1);
}

TEST(Histogram, EveryValueLiesInItsBucketsBounds) {
  for (double step = 0; step < 45; step += 0.003) {
    const auto value = static_cast<uint64_t>(std::exp2(step));
    const size_t bucket = Histogram::bucket_of(value);
    EXPECT_LE(Histogram::lower_bound(bucket), value);
    if (bucket + 1 < Histogram::kBuckets) {
      EXPECT_LT(value, Histogram::lower_bound(bucket + 1)) << value;
    }
  }
}

HistogramSnapshot snapshot_of(std::initializer_list<uint64_t> values) {
  Histogram histogram;
  for (const uint64_t value : values) histogram.record(value);
  HistogramSnapshot snapshot;
  snapshot.add(histogram);
  return snapshot;
}

TEST(HistogramSnapshot, CountsAndSums) {
  const auto snapshot = snapshot_of({0, 5, 10, 1000});
  EXPECT_EQ(snapshot.count, 4u);
  EXPECT_EQ(snapshot.sum, 1015u);
}

TEST(HistogramSnapshot, CumulativeBucketsAreExactBelowAHundred) {
  const auto snapshot = snapshot_of({0, 1, 5, 6, 10, 25, 26, 99});
  const std::pair<double, uint64_t> cases[] = {{0, 1},  {0.5, 1}, {1, 2},  {4.9, 2}, {5, 3},
                                               {10, 5}, {25, 6},  {50, 7}, {100, 8}};
  for (const auto& [bound, want] : cases) EXPECT_EQ(snapshot.at_most(bound), want) << bound;
}

TEST(HistogramSnapshot, CumulativeBucketsStopAtBucketEdges) {
  const auto snapshot = snapshot_of({240, 249, 250, 259, 260, 5'000'000'000});
  EXPECT_EQ(snapshot.at_most(249), 2u);
  EXPECT_EQ(snapshot.at_most(250), 2u);
  EXPECT_EQ(snapshot.at_most(259), 4u);
  EXPECT_EQ(snapshot.at_most(3'600'000), 5u);
  EXPECT_EQ(snapshot.at_most(std::numeric_limits<double>::infinity()), 6u);
  EXPECT_EQ(HistogramSnapshot().at_most(5), 0u);
}

TEST(HistogramSnapshot, QuantilesInterpolateWithinABucket) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  HistogramSnapshot snapshot;
  snapshot.add(histogram);
  for (const double q : {0.05, 0.25, 0.5, 0.9, 0.99, 0.999})
    EXPECT_NEAR(snapshot.quantile(q), q * 1000, 10) << q;
  EXPECT_DOUBLE_EQ(snapshot.quantile(0), 1);
  EXPECT_NEAR(snapshot.quantile(1), 1000, 100);
  EXPECT_EQ(HistogramSnapshot().quantile(0.5), 0);
  EXPECT_EQ(snapshot_of({0, 0, 0}).quantile(0.99), 0);
  EXPECT_DOUBLE_EQ(snapshot_of({40, 40}).quantile(0.5), 40.5);
  EXPECT_DOUBLE_EQ(snapshot_of({7'000'000'000}).quantile(0.5), 1e9);
}

TEST(StatBlock, CountsRecordsAndResets) {
  StatBlock block(kSchema);
  block.add(kRequests);
  block.add(kRequests, 4);
  block.add(kActive, 3);
  block.sub(kActive);
  block.set(kErrors, 7);
  block.record(kTime, 12);
  block.count_status(200);
  block.count_status(503);
  block.count_status(503);
  EXPECT_EQ(block.value(kRequests), 5u);
  EXPECT_EQ(block.value(kActive), 2u);
  EXPECT_EQ(block.histogram(kTime)->count(), 1u);
  EXPECT_EQ(block.histogram(kRequests), nullptr);
  EXPECT_EQ(block.histogram(kErrors), nullptr);
  std::vector<std::pair<uint16_t, uint64_t>> seen;
  block.each_status([&](uint16_t status, uint64_t count) { seen.emplace_back(status, count); });
  EXPECT_EQ(seen, (std::vector<std::pair<uint16_t, uint64_t>>{{200, 1}, {503, 2}}));

  block.reset(kSchema);
  EXPECT_EQ(block.value(kRequests), 0u);
  EXPECT_EQ(block.value(kErrors), 0u);
  EXPECT_EQ(block.value(kActive), 2u) << "a gauge tells what is, not what was";
  EXPECT_EQ(block.histogram(kTime)->count(), 0u);
  EXPECT_EQ(block.histogram(kTime)->bucket(Histogram::bucket_of(12)), 0u);
  block.each_status([](uint16_t status, uint64_t) { ADD_FAILURE() << status; });
}

TEST(StatBlock, OddStatusesDoNoHarm) {
  StatBlock block(kSchema);
  for (const uint16_t status : {0, 99, 999, 1000, 65535}) block.count_status(status);
  std::vector<uint16_t> seen;
  block.each_status([&](uint16_t status, uint64_t) { seen.push_back(status); });
  EXPECT_EQ(seen, (std::vector<uint16_t>{0, 99, 999}));
}

TEST(StatBlock, CountingAllocatesOnlyTheFirstTime) {
  StatBlock block(kSchema);
  const auto count = [&] {
    block.add(kRequests);
    block.record(kTime, 5);
    block.count_status(200);
  };
  count();
  const size_t before = test::allocations();
  for (int i = 0; i < 1000; ++i) count();
  EXPECT_EQ(test::allocations(), before);
}

TEST(StatScope, SumsItsShards) {
  StatsStore store(3);
  const auto scope =
      store.make_scope(kSchema, {.prefix = "cluster.a.", .prometheus_prefix = "envoy_cluster_", .tags = {}});
  EXPECT_EQ(scope->value(kRequests), 0u);
  scope->block(0).add(kRequests, 1);
  scope->block(2).add(kRequests, 10);
  scope->block(0).add(kActive);
  scope->block(2).sub(kActive);
  scope->block(0).record(kTime, 3);
  scope->block(2).record(kTime, 4);
  scope->block(0).count_status(404);
  scope->block(2).count_status(200);
  scope->block(2).count_status(404);
  EXPECT_EQ(scope->value(kRequests), 11u);
  EXPECT_EQ(scope->value(kActive), 0u) << "raised on one shard, lowered on another";
  EXPECT_EQ(scope->histogram(kTime).count, 2u);
  EXPECT_EQ(scope->histogram(kTime).sum, 7u);
  EXPECT_TRUE(scope->histogram(kRequests).buckets.empty());
  EXPECT_EQ(scope->statuses(), (std::vector<std::pair<uint16_t, uint64_t>>{{200, 1}, {404, 2}}));
  scope->reset();
  EXPECT_EQ(scope->value(kRequests), 0u);
  EXPECT_TRUE(scope->statuses().empty());
}

TEST(StatScope, CanBeReadWhileItIsWritten) {
  StatsStore store(2);
  const auto scope = store.make_scope(kSchema, {});
  std::thread writer([&] {
    for (uint64_t i = 0; i < 20000; ++i) {
      StatBlock& block = scope->block(1);
      block.add(kRequests);
      block.record(kTime, i % 100);
      block.count_status(static_cast<uint16_t>(200 + i % 400));
    }
  });
  uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    const uint64_t now = scope->value(kRequests);
    EXPECT_GE(now, last);
    last = now;
    const auto snapshot = scope->histogram(kTime);
    EXPECT_EQ(snapshot.at_most(1e18), snapshot.count);
    uint64_t statuses = 0;
    for (const auto& entry : scope->statuses()) statuses += entry.second;
    EXPECT_LE(statuses, 20000u);
  }
  writer.join();
  EXPECT_EQ(scope->value(kRequests), 20000u);
  EXPECT_EQ(scope->histogram(kTime).count, 20000u);
}

TEST(StatsStore, TheSameNameIsTheSameScopeAsLongAsItLives) {
  constexpr static StatDef kOther[] = {{.name = "other"}};
  StatsStore store(1);
  const auto make = [&](StatSchema schema, const char* prefix, const char* tag) {
    return store.make_scope(schema, {.prefix = prefix, .prometheus_prefix = "p_", .tags = {{"tag", tag}}});
  };
  auto first = make(kSchema, "a.", "x");
  first->block(0).add(kRequests);
  EXPECT_EQ(make(kSchema, "a.", "x"), first);
  EXPECT_NE(make(kSchema, "b.", "x"), first);
  EXPECT_NE(make(kSchema, "a.", "y"), first);
  EXPECT_NE(make(kOther, "a.", "x"), first);
  EXPECT_EQ(store.scopes().size(), 1u);
  first.reset();
  EXPECT_EQ(make(kSchema, "a.", "x")->value(kRequests), 0u) << "the old one is gone";
}

TEST(StatsStore, ListsLiveScopesInOrderAndForgetsTheOthers) {
  StatsStore store(1);
  std::vector<std::shared_ptr<StatScope>> kept;
  for (int i = 0; i < 1000; ++i) {
    auto scope =
        store.make_scope(kSchema, {.prefix = std::to_string(i), .prometheus_prefix = "", .tags = {}});
    if (i % 100 == 0) kept.push_back(std::move(scope));
  }
  const auto live = store.scopes();
  ASSERT_EQ(live.size(), 10u);
  for (size_t i = 0; i < live.size(); ++i) EXPECT_EQ(live[i]->name().prefix, std::to_string(i * 100));
}

}  // namespace
}  // namespace remora
