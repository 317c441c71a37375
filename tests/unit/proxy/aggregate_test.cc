// Clusters that consist of others.
#include "upstream/aggregate.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <map>

#include "remora/config/snapshot.h"
#include "unit/proxy/hosts.h"
#include "upstream/cluster_manager.h"
#include "upstream/pool.h"
#include "upstream/worker_clusters.h"
#include "worker.h"

namespace remora {
namespace {

using test::at;
constexpr auto kUnhealthy = EndpointHealth::kUnhealthy;

std::shared_ptr<ClusterConfig> config_of(const std::string& name) {
  auto config = std::make_shared<ClusterConfig>();
  config->name = name;
  config->metadata = std::make_shared<Metadata>();
  return config;
}

ClusterUpdate cluster(const std::string& name, const std::vector<Endpoint>& endpoints,
                      std::optional<OutlierDetection> outlier = std::nullopt) {
  auto config = config_of(name);
  if (outlier) config->outlier = *outlier;
  auto set = std::make_shared<EndpointSet>();
  set->cluster_name = name;
  set->endpoints = test::list_of(endpoints);
  return {config, set};
}

ClusterUpdate aggregate(const std::string& name, const std::vector<std::string>& members) {
  auto config = config_of(name);
  config->discovery = ClusterConfig::Discovery::kAggregate;
  config->aggregate = members;
  auto set = std::make_shared<EndpointSet>();
  set->cluster_name = name;
  return {config, set};
}

class AggregateTest : public testing::Test {
 public:
  ~AggregateTest() override {
    clusters_.retire_all();
  }  // a cluster and its pools hold one another until then

 protected:
  void apply(std::vector<ClusterUpdate> updates, std::vector<std::string> removed = {}) {
    ConfigBatch batch;
    batch.clusters = std::move(updates);
    batch.removed_clusters = std::move(removed);
    WorkerBatch out;
    manager_.apply(batch, out);
    for (auto& update : out.clusters) clusters_.put(std::move(update.runtime), std::move(update.hosts));
    for (const auto& name : batch.removed_clusters) clusters_.remove(name);
  }

  /// How often each "member/priority" is chosen, of a thousand.
  std::map<std::string, int> choices(std::vector<uint32_t> left_out = {}) {
    std::map<std::string, int> counts;
    const auto found = clusters_.find("all");
    for (int i = 0; i < 1000; ++i) {
      auto others = left_out;
      const auto pool = found->pick({.left_out = others.empty() ? nullptr : &others});
      if (!pool) {
        ++counts["nobody"];
        continue;
      }
      last_ = found->priority_of(*pool->host());
      ++counts[pool->cluster().config().name + '/' + std::to_string(pool->host()->endpoint().priority)];
    }
    return counts;
  }

  boost::asio::io_context io_;
  StatsStore stats_{3};
  ClusterManager manager_{io_, stats_, [](const std::string&, std::shared_ptr<const HostSet>) {}};
  Reactor reactor_;
  Random random_;
  WorkerClusters clusters_{{reactor_, random_, 1}};
  uint32_t last_ = 0;
};

TEST_F(AggregateTest, TheFirstClusterHasEverythingWhileItIsHealthy) {
  apply({cluster("a", {at(1), at(2)}), cluster("b", {at(3)}), aggregate("all", {"a", "b"})});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"a/0", 1000}}));
}

TEST_F(AggregateTest, WhatItCannotTakeGoesToTheNextPriorities) {
  // Envoy: 1.4 * 50 % = 70 % for the first, the rest for the next one.
  apply({cluster("a", {at(1), at(2).health(kUnhealthy), at(3).priority(1), at(4).priority(3)}),
         cluster("b", {at(5)}), aggregate("all", {"a", "b"})});
  auto counts = choices();
  EXPECT_EQ(counts.size(), 2u);
  EXPECT_NEAR(counts["a/0"], 700, 80);
  EXPECT_NEAR(counts["a/1"], 300, 80);
  apply({cluster("a", {at(1).health(kUnhealthy), at(3).priority(1).health(kUnhealthy)})});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"b/0", 1000}}));
  EXPECT_EQ(last_, 2u) << "behind two priorities of the first cluster";
}

TEST_F(AggregateTest, PrioritiesThatWereTriedAreLeftOut) {
  apply({cluster("a", {at(1), at(2).priority(1)}), cluster("b", {at(3)}), aggregate("all", {"a", "b"})});
  EXPECT_EQ(choices({0}), (std::map<std::string, int>{{"a/1", 1000}}));
  EXPECT_EQ(choices({0, 1}), (std::map<std::string, int>{{"b/0", 1000}}));
  EXPECT_EQ(choices({0, 1, 2}), (std::map<std::string, int>{{"a/0", 1000}}))
      << "all of them: nothing is left out";
}

TEST_F(AggregateTest, MembersComeAndGo) {
  apply({aggregate("all", {"a", "b"})});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"nobody", 1000}}));
  apply({cluster("b", {at(3)})});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"b/0", 1000}}));
  apply({cluster("a", {at(1)})});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"a/0", 1000}}));
  apply({}, {"a"});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"b/0", 1000}}));
}

TEST_F(AggregateTest, OneAmongTheMembersIsPassedOver) {
  apply({cluster("a", {at(1)}), aggregate("circle", {"all"}), aggregate("all", {"circle", "a"})});
  EXPECT_EQ(choices(), (std::map<std::string, int>{{"a/0", 1000}}));
}

TEST_F(AggregateTest, InPanicTheNumbersOfHostsCount) {
  apply({cluster("a", {at(1).health(kUnhealthy), at(2).health(kUnhealthy), at(3).health(kUnhealthy)}),
         cluster("b", {at(4).health(kUnhealthy)}), aggregate("all", {"a", "b"})});
  auto counts = choices();
  EXPECT_NEAR(counts["a/0"], 750, 80);
  EXPECT_NEAR(counts["b/0"], 250, 80);
}

TEST_F(AggregateTest, WhatBecomesOfRequestsIsTheMembers) {
  OutlierDetection outlier;
  apply({cluster("a", {at(1)}, outlier), aggregate("all", {"a"})});
  const auto all = clusters_.find("all");
  const auto pool = all->pick({});
  ASSERT_TRUE(pool);
  EXPECT_EQ(&pool->host()->cluster(), clusters_.find("a").get());
  EXPECT_EQ(&pool->cluster(), clusters_.find("a").get());
  all->report_failure(*pool->host(), Failure::kConnectFailure, MonotonicTime{});
  EXPECT_EQ(pool->host()->host().state().total(&HostStats::rq_error), 1u);
}

}  // namespace
}  // namespace remora
