#include "core/filter_settings.h"

#include <gtest/gtest.h>

#include "remora/config/route_table.h"

namespace remora {
namespace {

using State = FilterSettings::State;

struct Named final : RouteFilterConfig {
  explicit Named(std::string text) : name(std::move(text)) {}
  std::string name;
};

FilterOverride says(const char* filter, const char* config) {
  return {filter, false, std::make_shared<const Named>(config)};
}

/// A table with one virtual host and one route of two clusters.
RouteConfig one_route() {
  RouteConfig config;
  config.virtual_hosts.resize(1);
  config.virtual_hosts[0].domains = {"*"};
  config.virtual_hosts[0].routes.resize(2);
  config.virtual_hosts[0].routes[0].forward.weighted.resize(2);
  return config;
}

/// "on a b": the state, then what holds, most specific first.
std::string text(const FilterSettings& settings) {
  std::string out = settings.state == State::kOn ? "on" : settings.state == State::kOff ? "off" : "-";
  for (const auto* config : settings.configs) out += " " + dynamic_cast<const Named&>(*config).name;
  return out;
}

TEST(FilterSettings, ATableThatSaysNothingKeepsNothing) {
  RouteConfig config = one_route();
  resolve_filter_settings(config);
  EXPECT_TRUE(config.overridden_filters.empty());
  EXPECT_EQ(config.filters.resolved, nullptr);
  EXPECT_EQ(config.virtual_hosts[0].routes[0].filters.resolved, nullptr);
}

TEST(FilterSettings, TheMostSpecificPlaceComesFirstAndDecides) {
  RouteConfig config = one_route();
  VirtualHost& host = config.virtual_hosts[0];
  Route& route = host.routes[0];
  config.filters.overrides = {says("b", "table")};
  host.filters.overrides = {{"a", true, nullptr}, says("b", "host")};
  route.filters.overrides = {says("a", "route")};
  route.forward.weighted[0].filters.overrides = {{"b", true, nullptr}};
  resolve_filter_settings(config);

  EXPECT_EQ(config.overridden_filters, (std::vector<std::string>{"a", "b"}));
  const auto at = [](const PlaceFilterConfig& place) {
    return text((*place.resolved)[0]) + " | " + text((*place.resolved)[1]);
  };
  EXPECT_EQ(at(config.filters), "- | on table");
  EXPECT_EQ(at(host.filters), "off | on host table");
  EXPECT_EQ(at(route.filters), "on route | on host table");
  EXPECT_EQ(at(route.forward.weighted[0].filters), "on route | off host table");
}

TEST(FilterSettings, PlacesThatSayNothingShareWhatIsAroundThem) {
  RouteConfig config = one_route();
  config.virtual_hosts[0].filters.overrides = {says("a", "host")};
  resolve_filter_settings(config);
  const VirtualHost& host = config.virtual_hosts[0];
  EXPECT_EQ(host.routes[0].filters.resolved, host.filters.resolved);
  EXPECT_EQ(host.routes[1].filters.resolved, host.filters.resolved);
  EXPECT_EQ(host.routes[0].forward.weighted[1].filters.resolved, host.filters.resolved);
}

TEST(FilterSettings, TablesAreToldApart) {
  const auto first = RouteTable::compile(one_route());
  const auto second = RouteTable::compile(one_route());
  EXPECT_NE((*first)->id(), (*second)->id());
}

}  // namespace
}  // namespace remora
