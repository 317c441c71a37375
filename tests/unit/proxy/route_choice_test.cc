#include "route_choice.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

RouteAction three_clusters() {
  RouteAction action;
  action.target = RouteAction::Target::kWeighted;
  for (const auto& [name, weight] : {std::pair{"a", 1U}, {"none", 0U}, {"b", 3U}}) {
    WeightedCluster cluster;
    cluster.name = name;
    cluster.weight = weight;
    action.weighted.push_back(cluster);
  }
  action.total_weight = 4;
  return action;
}

std::string_view chosen(const RouteAction& action, uint64_t random, const HeaderMap& request = {}) {
  return choose_cluster(action, request, random).name;
}

TEST(RouteChoice, GivesEachClusterItsShare) {
  const auto action = three_clusters();
  EXPECT_EQ(chosen(action, 0), "a");
  for (const uint64_t random : {1, 2, 3, 5, 6, 7}) EXPECT_EQ(chosen(action, random), "b");
  EXPECT_EQ(chosen(action, 8), "a");
}

TEST(RouteChoice, FollowsTheCallersNumberIfItIsOne) {
  auto action = three_clusters();
  action.weighted_random_header.edit() = "x-lot";
  HeaderMap request;
  EXPECT_EQ(chosen(action, 1, request), "b");
  request.add("x-lot", "4");
  EXPECT_EQ(chosen(action, 1, request), "a");
  // What only begins like a number is none.
  for (const auto* text : {"4x", "", " 4", "-4", "4.0", "99999999999999999999999"}) {
    HeaderMap other;
    other.add("x-lot", text);
    EXPECT_EQ(chosen(action, 1, other), "b") << text;
  }
}

TEST(RouteChoice, NamesTheClusterByHeader) {
  RouteAction action;
  action.target = RouteAction::Target::kClusterHeader;
  action.cluster = "x-to";
  HeaderMap request;
  EXPECT_EQ(chosen(action, 0, request), "");
  request.add("x-to", "c");
  EXPECT_EQ(chosen(action, 0, request), "c");

  auto weighted = three_clusters();
  weighted.weighted[0].cluster_header = "x-to";
  const auto choice = choose_cluster(weighted, request, 0);
  EXPECT_EQ(choice.name, "c");
  EXPECT_EQ(choice.weighted, &weighted.weighted[0]);
}

TEST(RouteChoice, TakesTheMirrorsOfTheNearestLevel) {
  RouteConfig table;
  VirtualHost host;
  Route route;
  const auto chosen_from = [&] { return &choose_mirrors(table, host, route); };
  table.mirrors.resize(1);
  EXPECT_EQ(chosen_from(), &table.mirrors);
  host.mirrors.resize(1);
  EXPECT_EQ(chosen_from(), &host.mirrors);
  route.forward.mirrors.resize(1);
  EXPECT_EQ(chosen_from(), &route.forward.mirrors);
}

TEST(RouteChoice, AllowsAnUpgradeAsTheRouteSaysElseAsTheListenerDoes) {
  RouteAction action;
  EXPECT_FALSE(allows_upgrade(action, {}, "websocket"));
  EXPECT_TRUE(allows_upgrade(action, {"websocket"}, "WebSocket"));
  EXPECT_FALSE(allows_upgrade(action, {"websocket"}, "websockets"));
  action.upgrades = {{"websocket", false}, {"connect", true}};
  EXPECT_FALSE(allows_upgrade(action, {"websocket"}, "websocket"));
  EXPECT_TRUE(allows_upgrade(action, {}, "CONNECT"));
}

}  // namespace
}  // namespace remora
