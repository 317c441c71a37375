#include "client/metrics_encoder.h"

#include <gtest/gtest.h>

#include <map>

#include "api/metrics_service.pb.h"

namespace remora::xds {
namespace {

namespace prom = io::prometheus::client;
using Message = envoy::service::metrics::v3::StreamMetricsMessage;

constexpr StatDef kDefs[] = {
    {"upstream_rq_total"},
    {"active", StatKind::kGauge},
    {"upstream_rq_5xx", StatKind::kCounter, "upstream_rq_xx", "envoy_response_code_class", "5"},
    {"upstream_rq_time", StatKind::kHistogram},
};

class MetricsEncoderTest : public ::testing::Test {
 protected:
  std::vector<prom::MetricFamily> flush(MetricsEncoder& encoder) {
    std::vector<prom::MetricFamily> families;
    encoder.begin_flush(WallTime(Milliseconds(1234)));
    bool more = true;
    messages_ = 0;
    while (more) {
      Message message;
      more = encoder.next(message);
      largest_ = std::max(largest_, message.envoy_metrics_size());
      families.insert(families.end(), message.envoy_metrics().begin(), message.envoy_metrics().end());
      ++messages_;
    }
    return families;
  }
  static MetricsFormat format() {
    MetricsFormat out;
    out.tags_as_labels = true;
    out.summaries = false;
    out.bounds = {10, 100};
    return out;
  }
  std::shared_ptr<StatScope> add(const std::string& name) {
    return stats_.make_scope(
        kDefs, {"cluster." + name + ".", "envoy_cluster_", {{"envoy_cluster_name", name}}, "upstream_rq_"});
  }

  StatsStore stats_{2};
  int messages_ = 0;
  int largest_ = 0;
};

TEST_F(MetricsEncoderTest, NamesFamiliesAndTagsAsEnvoyDoes) {
  const auto scope = add("a.b");
  scope->block(1).add(0, 7);
  scope->block(1).add(2, 2);
  scope->block(0).set(1, 3);
  scope->block(1).count_status(503);
  scope->block(1).record(3, 5);
  scope->block(1).record(3, 50);
  MetricsEncoder encoder(stats_, format());
  encoder.begin_stream();
  const auto families = flush(encoder);
  ASSERT_EQ(families.size(), 5u);
  std::map<std::string, const prom::MetricFamily*> named;
  for (const auto& family : families) named[family.name()] = &family;
  ASSERT_EQ(named.size(), 5u);
  const auto& total = *named.at("cluster.upstream_rq_total");
  EXPECT_EQ(total.type(), prom::COUNTER);
  EXPECT_EQ(total.metric(0).counter().value(), 7);
  EXPECT_EQ(total.metric(0).timestamp_ms(), 1234);
  ASSERT_EQ(total.metric(0).label_size(), 1);
  EXPECT_EQ(total.metric(0).label(0).name(), "envoy.cluster_name");
  EXPECT_EQ(total.metric(0).label(0).value(), "a.b");
  EXPECT_EQ(named.at("cluster.active")->type(), prom::GAUGE);
  EXPECT_EQ(named.at("cluster.active")->metric(0).gauge().value(), 3);
  EXPECT_EQ(named.at("cluster.upstream_rq_xx")->metric(0).label(0).name(), "envoy.response_code_class");
  EXPECT_EQ(named.at("cluster.upstream_rq")->metric(0).label(0).value(), "503");
  const auto& time = named.at("cluster.upstream_rq_time")->metric(0).histogram();
  EXPECT_EQ(time.sample_count(), 2u);
  EXPECT_EQ(time.sample_sum(), 55);
  ASSERT_EQ(time.bucket_size(), 2);
  EXPECT_EQ(time.bucket(0).cumulative_count(), 1u);
  EXPECT_EQ(time.bucket(1).cumulative_count(), 2u);
}

TEST_F(MetricsEncoderTest, WithoutLabelsNamesAreWhole) {
  const auto scope = add("a");
  scope->block(1).add(2, 2);
  scope->block(1).count_status(503);
  auto plain = format();
  plain.tags_as_labels = false;
  MetricsEncoder encoder(stats_, plain);
  encoder.begin_stream();
  const auto families = flush(encoder);
  ASSERT_EQ(families.size(), 2u);
  EXPECT_EQ(families[0].name(), "cluster.a.upstream_rq_5xx");
  EXPECT_EQ(families[1].name(), "cluster.a.upstream_rq_503");
  EXPECT_EQ(families[0].metric(0).label_size(), 0);
}

TEST_F(MetricsEncoderTest, LeavesOutWhatHasNotChanged) {
  const auto scope = add("a");
  MetricsEncoder encoder(stats_, format());
  encoder.begin_stream();
  EXPECT_TRUE(flush(encoder).empty());  // never used
  scope->block(0).set(1, 3);
  scope->block(1).add(0, 7);
  scope->block(1).record(3, 5);
  EXPECT_EQ(flush(encoder).size(), 3u);
  EXPECT_TRUE(flush(encoder).empty());
  scope->block(0).set(1, 0);
  scope->block(1).add(0);
  const auto changed = flush(encoder);
  ASSERT_EQ(changed.size(), 2u);
  EXPECT_EQ(changed[0].metric(0).counter().value(), 8);
  EXPECT_EQ(changed[1].metric(0).gauge().value(), 0);

  encoder.begin_stream();  // a server that knows nothing gets all values, but no sample twice
  const auto again = flush(encoder);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].metric(0).counter().value(), 8);
}

TEST_F(MetricsEncoderTest, DeltasAndHistogramsAreSinceTheLastFlush) {
  const auto scope = add("a");
  auto deltas = format();
  deltas.counters_as_deltas = true;
  deltas.summaries = true;
  MetricsEncoder encoder(stats_, deltas);
  encoder.begin_stream();
  scope->block(1).add(0, 7);
  scope->block(1).record(3, 5);
  flush(encoder);
  scope->block(1).add(0, 2);
  scope->block(1).record(3, 50);
  const auto families = flush(encoder);
  ASSERT_EQ(families.size(), 3u);
  EXPECT_EQ(families[0].metric(0).counter().value(), 2);
  EXPECT_EQ(families[1].type(), prom::SUMMARY);
  EXPECT_EQ(families[1].metric(0).summary().sample_count(), 1u);
  EXPECT_EQ(families[1].metric(0).summary().quantile(0).value(), 50);
  EXPECT_EQ(families[2].metric(0).histogram().sample_sum(), 50);
  EXPECT_EQ(families[2].metric(0).histogram().bucket(0).cumulative_count(), 0u);

  scope->reset();  // /reset_counters: what comes after it counts from 0
  scope->block(1).add(0, 1);
  scope->block(1).record(3, 5);
  const auto after = flush(encoder);
  ASSERT_EQ(after.size(), 3u);
  EXPECT_EQ(after[0].metric(0).counter().value(), 1);
  EXPECT_EQ(after[2].metric(0).histogram().sample_count(), 1u);
}

TEST_F(MetricsEncoderTest, ManyFamiliesBecomeManyMessages) {
  std::vector<std::shared_ptr<StatScope>> scopes;
  for (int i = 0; i < 50; ++i) {
    scopes.push_back(add("c" + std::to_string(i)));
    scopes.back()->block(1).add(0, 1);
    scopes.back()->block(1).add(2, 1);
    scopes.back()->block(0).set(1, 1);
  }
  auto batched = format();
  batched.batch_size = 7;
  MetricsEncoder encoder(stats_, batched);
  encoder.begin_stream();
  EXPECT_EQ(flush(encoder).size(), 150u);
  EXPECT_EQ(messages_, 22);
  EXPECT_EQ(largest_, 7);
}

TEST_F(MetricsEncoderTest, AFlushThatLastsKeepsNothingAlive) {
  auto first = add("a");
  auto second = add("b");
  first->block(1).add(0, 1);
  second->block(1).add(0, 1);
  auto batched = format();
  batched.batch_size = 1;
  MetricsEncoder encoder(stats_, batched);
  encoder.begin_stream();
  encoder.begin_flush(WallTime(Milliseconds(1)));
  Message message;
  EXPECT_TRUE(encoder.next(message));
  second.reset();
  EXPECT_EQ(stats_.scopes().size(), 1u);
  message.Clear();
  EXPECT_FALSE(encoder.next(message));
  EXPECT_EQ(message.envoy_metrics_size(), 0);
}

TEST_F(MetricsEncoderTest, AScopeOfTheSameNameThatCameAgainCountsFromZero) {
  MetricsEncoder encoder(stats_, format());
  encoder.begin_stream();
  for (int i = 0; i < 3; ++i) {
    const auto scope = add("a");
    scope->block(1).add(0, 5);
    const auto families = flush(encoder);
    ASSERT_EQ(families.size(), 1u) << i;
    EXPECT_EQ(families[0].metric(0).counter().value(), 5);
  }
}

}  // namespace
}  // namespace remora::xds
