#include "upstream/host_set.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/proxy/hosts.h"

namespace remora {
namespace {

using test::at;

/// One letter a host: h(ealthy), d(egraded), u(nhealthy); one text a priority.
HostSet set_of(const std::vector<std::string>& levels, LoadRules rules = {}) {
  std::vector<Endpoint> endpoints;
  int number = 0;
  for (uint32_t priority = 0; priority < levels.size(); ++priority) {
    for (const char c : levels[priority]) {
      const auto health = c == 'h'   ? EndpointHealth::kHealthy
                          : c == 'd' ? EndpointHealth::kDegraded
                                     : EndpointHealth::kUnhealthy;
      endpoints.push_back(at(++number).priority(priority).health(health));
    }
  }
  return {test::hosts_of(endpoints), rules, nullptr};
}

/// "healthy/degraded" load of each level, '!' for panic: "100/0 0/0!".
std::string loads(const HostSet& set) {
  std::string text;
  for (const auto& level : set.levels().levels) {
    if (!text.empty()) text += ' ';
    text += std::to_string(level.healthy_load) + "/" + std::to_string(level.degraded_load) +
            (level.panic ? "!" : "");
  }
  return text;
}

TEST(HostSet, LoadsFollowEnvoysRules) {
  struct Case {
    std::vector<std::string> levels;
    const char* loads;
  };
  const Case cases[] = {
      {{"hhhh"}, "100/0"},
      {{"hhhu"}, "100/0"},   // 75 % x 1.4 is enough
      {{"hhuu"}, "100/0"},   // 70 % available, 50 % healthy: no panic yet
      {{"huuu"}, "100/0!"},  // 25 % is less than the threshold
      {{"uuuu"}, "100/0!"},
      {{""}, "100/0!"},  // nobody: the load has to go somewhere
      {{"dddd"}, "0/100"},
      {{"hhdd"}, "70/30"},  // healthy ones take 50 % x 1.4
      {{"hddd"}, "35/65"},
      {{"hhhh", "hhhh"}, "100/0 0/0"},
      {{"hhuu", "hhhh"}, "70/0 30/0"},  // spill over
      {{"huuu", "hhhh"}, "35/0 65/0"},  // together enough: no panic although the first is low
      {{"uuuu", "hhhh"}, "0/0 100/0"},
      {{"uuuuu", "huuuu"}, "50/0! 50/0!"},  // all in panic: by the numbers of hosts
      {{"uuu", "u"}, "75/0! 25/0!"},
      {{"huuuu", "hhuuu", "uuuuu"}, "34/0! 33/0! 33/0!"},
      {{"huuuuuuuuu", "hhhhhuuuuu"}, "17/0! 83/0"},  // 14 + 70 of 84
      {{"", "hh"}, "0/0 100/0"},
      {{"uu", "dd"}, "0/0 0/100"},
      {{"huuuu", "ddddd"}, "28/0 0/72"},
  };
  for (const auto& test : cases) {
    std::string name;
    for (const auto& level : test.levels) name += level + ",";
    EXPECT_EQ(loads(set_of(test.levels)), test.loads) << name;
  }
}

TEST(HostSet, RoundingGoesToTheFirstLevel) {
  // 46 + 46 of 92: 50 each; 28 + 28 + 28 of 84: 33 each and one left.
  EXPECT_EQ(loads(set_of({"huu", "huu"}, {.panic_threshold = 10})), "50/0 50/0");
  EXPECT_EQ(loads(set_of({"huuuu", "huuuu", "huuuu"}, {.panic_threshold = 10})), "34/0 33/0 33/0");
}

TEST(HostSet, WithoutPanicNobodyIsChosenInstead) {
  EXPECT_EQ(loads(set_of({"uuuu"}, {.panic_threshold = 0})), "100/0");
  EXPECT_EQ(loads(set_of({"huuu"}, {.panic_threshold = 0})), "100/0");
  EXPECT_EQ(loads(set_of({""}, {.panic_threshold = 0})), "100/0");
}

TEST(HostSet, OverprovisioningIsTheSetsOwn) {
  EXPECT_EQ(loads(set_of({"hhhu", "hh"}, {.overprovisioning = 100})), "75/0 25/0");
  EXPECT_EQ(loads(set_of({"hhhu", "hh"}, {.overprovisioning = 200})), "100/0 0/0");
}

TEST(HostSet, ListsKeepTheOrderAndKnowTheirWeights) {
  const HostSet set(test::hosts_of({at(3), at(1).health(EndpointHealth::kUnhealthy), at(2).weight(5)}), {},
                    nullptr);
  const PriorityLevel& level = set.levels().levels.at(0);
  ASSERT_EQ(level.healthy.hosts.size(), 2u);
  EXPECT_EQ(test::number_of(level.healthy.hosts[0]), 3);
  EXPECT_EQ(test::number_of(level.healthy.hosts[1]), 2);
  EXPECT_FALSE(level.healthy.equal_weights);
  EXPECT_TRUE(level.degraded->equal_weights);
  EXPECT_EQ(set.healthy(), 2u);
  EXPECT_EQ(set.degraded(), 0u);
  EXPECT_EQ(set.max_weight(), 5u);
  EXPECT_EQ(set.choices(), 2u) << "a list of nobody needs no place";
  EXPECT_EQ(set.subsets(), nullptr);
}

TEST(HostSet, EjectedHostsAreNotHealthy) {
  const HostList hosts = test::hosts_of(test::endpoints(4));
  hosts[2]->state().set_ejected(true);
  const HostSet set(hosts, {}, nullptr);
  EXPECT_EQ(set.healthy(), 3u);
  EXPECT_EQ(set.levels().levels[0].all.hosts.size(), 4u);
}

TEST(HostSet, GenerationsDiffer) { EXPECT_NE(set_of({"h"}).generation(), set_of({"h"}).generation()); }

}  // namespace
}  // namespace remora
