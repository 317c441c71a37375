#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "remora/config/snapshot.h"
#include "unit/proxy/hosts.h"
#include "upstream/cluster_manager.h"
#include "worker.h"

namespace remora::test {
namespace {

class StaleEndpointsTest : public testing::Test {
 protected:
  StaleEndpointsTest() {
    config_->name = "a";
    config_->discovery = ClusterConfig::Discovery::kEds;
    config_->metadata = std::make_shared<Metadata>();
  }
  static std::shared_ptr<const EndpointSet> endpoints(Milliseconds stale_after) {
    auto set = std::make_shared<EndpointSet>();
    set->cluster_name = "a";
    set->endpoints = list_of({at(1)});
    set->stale_after = stale_after;
    set->drops = {{"c", 5}};
    return set;
  }
  void put(std::shared_ptr<const EndpointSet> set) {
    ConfigBatch batch;
    batch.clusters.push_back({config_, std::move(set)});
    WorkerBatch out;
    manager_.apply(batch, out);
  }
  /// How many clusters workers hear of.
  size_t renew(std::shared_ptr<const EndpointSet> set) {
    ConfigBatch batch;
    batch.endpoints.emplace_back("a", std::move(set));
    WorkerBatch out;
    manager_.apply(batch, out);
    return out.hosts.size();
  }
  size_t hosts() { return manager_.find("a").hosts->hosts().size(); }

  boost::asio::io_context io_;
  StatsStore stats_{kShards};
  std::vector<std::shared_ptr<const HostSet>> published_;
  ClusterManager manager_{io_, stats_, [this](const std::string&, std::shared_ptr<const HostSet> hosts) {
                            published_.push_back(hosts);
                          }};
  std::shared_ptr<ClusterConfig> config_ = std::make_shared<ClusterConfig>();
};

TEST_F(StaleEndpointsTest, TheyGoAndWorkersHearOfIt) {
  put(endpoints(Milliseconds(1)));
  EXPECT_EQ(hosts(), 1u);
  io_.run();  // until there is no timer left
  EXPECT_EQ(hosts(), 0u);
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_TRUE(published_[0]->hosts().empty());
  EXPECT_EQ(published_[0]->drop_per_million(), 5u) << "what is dropped stays so";
}

TEST_F(StaleEndpointsTest, TheSameAgainBringsThemBack) {
  const auto set = endpoints(Milliseconds(1));
  put(set);
  io_.run();
  EXPECT_EQ(hosts(), 0u);
  EXPECT_EQ(renew(set), 1u);
  EXPECT_EQ(hosts(), 1u);
}

TEST_F(StaleEndpointsTest, AnotherVersionOfTheClusterRenewsNothing) {
  const auto set = endpoints(Milliseconds(1));
  put(set);
  io_.run();
  put(set);
  EXPECT_EQ(hosts(), 0u);
}

TEST_F(StaleEndpointsTest, RenewingStartsAnew) {
  const auto set = endpoints(Milliseconds(3'600'000));
  put(endpoints(Milliseconds(1)));
  EXPECT_EQ(renew(set), 0u) << "the same hosts";
  io_.run_one();  // the timer that was cancelled
  EXPECT_EQ(hosts(), 1u);
  EXPECT_TRUE(published_.empty());
}

TEST_F(StaleEndpointsTest, WhatDoesNotAgeIsNotWatched) {
  put(endpoints(Milliseconds(1)));
  renew(endpoints(Milliseconds(0)));
  io_.run();
  EXPECT_EQ(hosts(), 1u);
}

TEST_F(StaleEndpointsTest, ARemovedClusterIsNotWatched) {
  put(endpoints(Milliseconds(1)));
  ConfigBatch batch;
  batch.removed_clusters.push_back("a");
  WorkerBatch out;
  manager_.apply(batch, out);
  io_.run();
  EXPECT_EQ(manager_.size(), 0u);
}

}  // namespace
}  // namespace remora::test
