#include "upstream/worker_clusters.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <boost/asio/io_context.hpp>

#include "remora/config/snapshot.h"
#include "unit/proxy/hosts.h"
#include "upstream/cluster_manager.h"
#include "worker.h"

namespace remora {
namespace {

ClusterUpdate cluster(const std::string& name) {
  auto config = std::make_shared<ClusterConfig>();
  config->name = name;
  config->metadata = std::make_shared<Metadata>();
  auto endpoints = std::make_shared<EndpointSet>();
  endpoints->cluster_name = name;
  endpoints->endpoints = test::list_of({test::at(1)});
  return {config, endpoints};
}

class WorkerClustersTest : public testing::Test {
 protected:
  void apply(std::vector<ClusterUpdate> updates) {
    ConfigBatch batch;
    batch.clusters = std::move(updates);
    WorkerBatch out;
    manager_.apply(batch, out);
    for (auto& update : out.clusters) clusters_.put(std::move(update.runtime), std::move(update.hosts));
  }

  boost::asio::io_context io_;
  StatsStore stats_{3};
  ClusterManager manager_{io_, stats_, [](const std::string&, std::shared_ptr<const HostSet>) {}};
  Reactor reactor_;
  Random random_;
  WorkerClusters clusters_{{reactor_, random_, 1}};
};

TEST_F(WorkerClustersTest, AClusterIsMadeWhenItIsUsed) {
  apply({cluster("a"), cluster("b")});
  EXPECT_TRUE(clusters_.has("a"));
  EXPECT_EQ(clusters_.made(), 0u);
  const auto used = clusters_.find("a");
  ASSERT_TRUE(used);
  EXPECT_EQ(clusters_.find("a").get(), used.get());
  EXPECT_EQ(clusters_.made(), 1u);
  EXPECT_FALSE(clusters_.find("c"));
}

TEST_F(WorkerClustersTest, AnotherVersionIsAnotherOne) {
  apply({cluster("a")});
  const auto first = clusters_.find("a");
  apply({cluster("a")});
  EXPECT_EQ(clusters_.made(), 0u);
  EXPECT_NE(clusters_.find("a").get(), first.get());
  clusters_.remove("a");
  EXPECT_FALSE(clusters_.find("a"));
}

/// A cluster that nobody uses is cheap: about 2 KiB on the side of the proxy, with one host. The bound leaves
/// room for other allocators.
TEST_F(WorkerClustersTest, MemoryOfAClusterThatNobodyUses) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's allocator tells nothing";
#endif
  constexpr size_t kClusters = 2000;
  apply({cluster("first")});
  std::vector<ClusterUpdate> all;
  for (size_t i = 0; i < kClusters; ++i) all.push_back(cluster("service-" + std::to_string(i)));
  const auto before = mallinfo2().uordblks;
  apply(all);
  const auto each = (mallinfo2().uordblks - before) / kClusters;
  RecordProperty("bytes_per_cluster", static_cast<int>(each));
  EXPECT_LT(each, 4096u);
}

}  // namespace
}  // namespace remora
