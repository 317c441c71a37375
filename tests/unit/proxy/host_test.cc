#include "upstream/host.h"

#include <gtest/gtest.h>

#include "unit/proxy/hosts.h"

namespace remora {
namespace {

using test::at;

TEST(Host, HealthIsTheWorstOfReportAndDetection) {
  struct Case {
    EndpointHealth reported;
    bool ejected;
    HostHealth health;
    const char* flags;
  };
  const Case cases[] = {
      {EndpointHealth::kUnknown, false, HostHealth::kHealthy, "healthy"},
      {EndpointHealth::kHealthy, false, HostHealth::kHealthy, "healthy"},
      {EndpointHealth::kDegraded, false, HostHealth::kDegraded, "/degraded_eds_health"},
      {EndpointHealth::kUnhealthy, false, HostHealth::kUnhealthy, "/failed_eds_health"},
      {EndpointHealth::kDraining, false, HostHealth::kUnhealthy, "/failed_eds_health"},
      {EndpointHealth::kTimeout, false, HostHealth::kUnhealthy, "/failed_eds_health"},
      {EndpointHealth::kHealthy, true, HostHealth::kUnhealthy, "/failed_outlier_check"},
      {EndpointHealth::kDegraded, true, HostHealth::kUnhealthy, "/failed_outlier_check/degraded_eds_health"},
      {EndpointHealth::kTimeout, true, HostHealth::kUnhealthy, "/failed_outlier_check/failed_eds_health"},
  };
  for (const auto& test : cases) {
    const Host host(std::make_shared<const Endpoint>(at(1).health(test.reported)),
                    std::make_shared<HostState>(test::kShards));
    host.state().set_ejected(test.ejected);
    EXPECT_EQ(host.health(), test.health) << test.flags;
    EXPECT_EQ(host.health_flags(), test.flags);
  }
}

TEST(HostState, SumsOverShards) {
  HostState state(3);
  EXPECT_EQ(state.total(&HostStats::rq_total), 0u);
  state.stats(1).rq_total.add(2);
  state.stats(2).rq_total.add(3);
  state.stats(2).rq_active.add();
  state.stats(2).rq_active.sub();
  EXPECT_EQ(state.total(&HostStats::rq_total), 5u);
  EXPECT_EQ(state.total(&HostStats::rq_active), 0u);
}

TEST(UpdateHosts, KeepsWhatDidNotChange) {
  const auto first = test::update_hosts(HostList(), test::endpoints(3), test::kShards);
  EXPECT_TRUE(first.changed);
  EXPECT_EQ(first.added, 3u);
  EXPECT_EQ(first.removed, 0u);
  const auto again = test::update_hosts(first.hosts, test::endpoints(3), test::kShards);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.added + again.removed, 0u);
  EXPECT_EQ(again.hosts, first.hosts);
}

TEST(UpdateHosts, AChangedEndpointKeepsItsState) {
  const std::vector<Endpoint> variants = {at(1).weight(7), at(1).priority(1),
                                          at(1).health(EndpointHealth::kUnhealthy),
                                          at(1).label("version", MetadataValue{"v2"})};
  for (const Endpoint& variant : variants) {
    const auto before = test::update_hosts(HostList(), test::endpoints(2), test::kShards).hosts;
    before[0]->state().set_ejected(true);
    const auto after = test::update_hosts(before, {variant, before[1]->endpoint()}, test::kShards);
    EXPECT_TRUE(after.changed);
    EXPECT_EQ(after.added + after.removed, 0u);
    EXPECT_NE(after.hosts[0], before[0]);
    EXPECT_EQ(&after.hosts[0]->state(), &before[0]->state());
    EXPECT_TRUE(after.hosts[0]->state().ejected());
    EXPECT_EQ(after.hosts[1], before[1]);
  }
}

TEST(UpdateHosts, EqualMetadataOfAnotherMessageIsNoChange) {
  const auto before = test::hosts_of({at(1).label("version", MetadataValue{"v1"})});
  const auto after = test::update_hosts(before, {at(1).label("version", MetadataValue{"v1"})}, test::kShards);
  EXPECT_FALSE(after.changed);
}

TEST(UpdateHosts, CountsMembersThatCameAndWent) {
  const auto before = test::hosts_of({at(1), at(2), at(3)});
  const auto after = test::update_hosts(before, {at(3), at(4)}, test::kShards);
  EXPECT_TRUE(after.changed);
  EXPECT_EQ(after.added, 1u);
  EXPECT_EQ(after.removed, 2u);
  EXPECT_EQ(after.hosts[0], before[2]);
  const auto reordered = test::update_hosts(before, {at(2), at(1), at(3)}, test::kShards);
  EXPECT_TRUE(reordered.changed) << "the order counts";
  EXPECT_EQ(reordered.added + reordered.removed, 0u);
  const auto emptied = test::update_hosts(before, test::endpoints(0), test::kShards);
  EXPECT_EQ(emptied.removed, 3u);
  EXPECT_TRUE(emptied.changed);
}

}  // namespace
}  // namespace remora
