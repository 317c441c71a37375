#include "upstream/subset.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "remora/core/stats.h"
#include "unit/proxy/hosts.h"
#include "unit/support/allocation_counter.h"
#include "unit/support/hand_clock.h"
#include "upstream/load_balancer.h"

namespace remora {
namespace {

using Fallback = LbSubset::Fallback;
using test::at;

enum Stat : size_t { kPanic, kSelected, kFallback, kFallbackPanic };
constexpr StatDef kSchema[] = {{"panic"}, {"selected"}, {"fallback"}, {"fallback_panic"}};

MetadataValue text(const char* value) { return {std::string(value)}; }

/// Hosts 1 to 5: stage/version prod/v1, prod/v1, prod/v2, dev/v2, and one without labels.
std::vector<Endpoint> staged() {
  return {at(1).label("stage", text("prod")).label("version", text("v1")),
          at(2).label("stage", text("prod")).label("version", text("v1")),
          at(3).label("stage", text("prod")).label("version", text("v2")),
          at(4).label("stage", text("dev")).label("version", text("v2")), at(5)};
}

LbSubset selectors(std::vector<std::vector<std::string>> keys, Fallback fallback = Fallback::kNoFallback) {
  LbSubset config;
  config.fallback = fallback;
  for (auto& list : keys) config.selectors.push_back({.keys = std::move(list), .fallback_keys = {}});
  return config;
}

struct Subsets {
  StatBlock block{kSchema};
  Random random{3};
  test::HandClock clock;
  ClusterConfig cluster;
  HostSet set;
  LoadBalancer balancer;

  Subsets(const LbSubset& config, const std::vector<Endpoint>& endpoints, LoadRules rules = {})
      : set(test::hosts_of(endpoints), rules, &config),
        balancer(cluster, {1, random, clock},
                 {.block = &block,
                  .healthy_panic = kPanic,
                  .subsets_selected = kSelected,
                  .subsets_fallback = kFallback,
                  .subsets_fallback_panic = kFallbackPanic}) {}

  /// The numbers of all hosts that are ever chosen for `match`; 0 for nobody.
  std::set<int> chosen(const SubsetMatch& match) {
    std::set<int> seen;
    for (int i = 0; i < 60; ++i) seen.insert(test::number_of(balancer.pick(set, {.subset = &match})));
    return seen;
  }
};

using Numbers = std::set<int>;

TEST(Subset, ChoosesByAllKeysOfASelector) {
  Subsets subsets(selectors({{"stage", "version"}, {"version"}}), staged());
  EXPECT_EQ(subsets.chosen({{"stage", text("prod")}, {"version", text("v1")}}), (Numbers{1, 2}));
  EXPECT_EQ(subsets.chosen({{"stage", text("prod")}, {"version", text("v2")}}), (Numbers{3}));
  EXPECT_EQ(subsets.chosen({{"version", text("v2")}}), (Numbers{3, 4}));
  EXPECT_EQ(subsets.block.value(kSelected), 180u);
  EXPECT_EQ(subsets.chosen({{"stage", text("prod")}}), (Numbers{0})) << "no selector with this key alone";
  EXPECT_EQ(subsets.chosen({{"stage", text("qa")}, {"version", text("v1")}}), (Numbers{0}));
  EXPECT_EQ(subsets.chosen({}), (Numbers{0}));
  EXPECT_EQ(subsets.block.value(kSelected), 180u);
}

TEST(Subset, ValuesAreTyped) {
  Subsets subsets(selectors({{"port"}}),
                  {at(1).label("port", text("80")), at(2).label("port", MetadataValue{80.0}),
                   at(3).label("port", MetadataValue{true})});
  EXPECT_EQ(subsets.chosen({{"port", text("80")}}), (Numbers{1}));
  EXPECT_EQ(subsets.chosen({{"port", MetadataValue{80.0}}}), (Numbers{2}));
  EXPECT_EQ(subsets.chosen({{"port", MetadataValue{true}}}), (Numbers{3}));
  EXPECT_EQ(subsets.chosen({{"port", MetadataValue{false}}}), (Numbers{0}));
}

TEST(Subset, ClusterFallbacks) {
  const SubsetMatch nowhere = {{"version", text("v9")}};
  LbSubset config = selectors({{"version"}}, Fallback::kAnyEndpoint);
  Subsets any(config, staged());
  EXPECT_EQ(any.chosen(nowhere), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(any.chosen({}), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(any.block.value(kFallback), 120u);
  EXPECT_EQ(any.block.value(kSelected), 0u);

  config.fallback = Fallback::kDefaultSubset;
  config.default_subset = {{"stage", text("prod")}};
  Subsets def(config, staged());
  EXPECT_EQ(def.chosen(nowhere), (Numbers{1, 2, 3}));
  EXPECT_EQ(def.block.value(kFallback), 60u);

  config.default_subset = {{"stage", text("qa")}};
  Subsets empty(config, staged());
  EXPECT_EQ(empty.chosen(nowhere), (Numbers{0}));
  EXPECT_EQ(empty.block.value(kFallback), 0u);

  config.panic_mode_any = true;
  Subsets panic(config, staged());
  EXPECT_EQ(panic.chosen(nowhere), (Numbers{1, 2, 3, 4, 5}));
  EXPECT_EQ(panic.block.value(kFallbackPanic), 60u);
  EXPECT_EQ(panic.block.value(kFallback), 0u);

  config.fallback = Fallback::kNoFallback;
  EXPECT_EQ(Subsets(config, staged()).chosen(nowhere), (Numbers{0})) << "panic_mode_any needs a fallback";
}

TEST(Subset, AnEmptyDefaultSubsetIsEverybody) {
  LbSubset config = selectors({{"version"}}, Fallback::kDefaultSubset);
  EXPECT_EQ(Subsets(config, staged()).chosen({}), (Numbers{1, 2, 3, 4, 5}));
}

TEST(Subset, SelectorsHaveFallbacksOfTheirOwn) {
  const SubsetMatch nowhere = {{"version", text("v9")}};
  LbSubset config = selectors({{"version"}}, Fallback::kAnyEndpoint);
  config.default_subset = {{"stage", text("dev")}};
  auto& own = config.selectors[0].fallback;
  own = Fallback::kNoFallback;
  EXPECT_EQ(Subsets(config, staged()).chosen(nowhere), (Numbers{0}));
  own = Fallback::kDefaultSubset;
  Subsets def(config, staged());
  EXPECT_EQ(def.chosen(nowhere), (Numbers{4}));
  EXPECT_EQ(def.block.value(kFallback), 0u) << "only the cluster's own fallback counts";
  config.fallback = Fallback::kNoFallback;
  own = Fallback::kAnyEndpoint;
  EXPECT_EQ(Subsets(config, staged()).chosen(nowhere), (Numbers{1, 2, 3, 4, 5}));
  own = Fallback::kNotDefined;
  EXPECT_EQ(Subsets(config, staged()).chosen(nowhere), (Numbers{0}));
}

TEST(Subset, KeysSubsetTriesAgainWithFewerKeys) {
  LbSubset config = selectors({{"stage", "version"}, {"stage"}}, Fallback::kNoFallback);
  config.selectors[0].fallback = Fallback::kKeysSubset;
  config.selectors[0].fallback_keys = {"stage"};
  Subsets subsets(config, staged());
  EXPECT_EQ(subsets.chosen({{"stage", text("prod")}, {"version", text("v9")}}), (Numbers{1, 2, 3}));
  EXPECT_EQ(subsets.block.value(kSelected), 60u);
  EXPECT_EQ(subsets.chosen({{"stage", text("prod")}, {"version", text("v2")}}), (Numbers{3}));
  EXPECT_EQ(subsets.chosen({{"stage", text("qa")}, {"version", text("v9")}}), (Numbers{0}));
  config.selectors[1].fallback = Fallback::kAnyEndpoint;
  EXPECT_EQ(Subsets(config, staged()).chosen({{"stage", text("qa")}, {"version", text("v9")}}),
            (Numbers{1, 2, 3, 4, 5}));
}

TEST(Subset, AFoundSubsetIsFinalEvenWithoutHealthyHosts) {
  LbSubset config = selectors({{"version"}}, Fallback::kAnyEndpoint);
  const std::vector<Endpoint> endpoints = {
      at(1).label("version", text("v1")).health(EndpointHealth::kUnhealthy),
      at(2).label("version", text("v2"))};
  Subsets subsets(config, endpoints, {.panic_threshold = 0});
  EXPECT_EQ(subsets.chosen({{"version", text("v1")}}), (Numbers{0}));
  EXPECT_EQ(subsets.block.value(kSelected), 60u);
  Subsets panic(config, endpoints);
  EXPECT_EQ(panic.chosen({{"version", text("v1")}}), (Numbers{1})) << "the subset is in panic of its own";
  EXPECT_EQ(panic.block.value(kPanic), 60u);
}

TEST(Subset, SubsetsHaveTheirOwnPriorities) {
  Subsets subsets(selectors({{"version"}}),
                  {at(1).label("version", text("v1")).priority(1), at(2), at(3).priority(1)});
  EXPECT_EQ(subsets.chosen({{"version", text("v1")}}), (Numbers{1}));
}

TEST(Subset, SingleHostPerSubsetIgnoresHealthAndCountsDuplicates) {
  LbSubset config = selectors({{"id"}});
  config.selectors[0].single_host_per_subset = true;
  Subsets subsets(config, {at(1).label("id", text("a")).health(EndpointHealth::kUnhealthy),
                           at(2).label("id", text("b")), at(3).label("id", text("a"))});
  EXPECT_EQ(subsets.chosen({{"id", text("a")}}), (Numbers{1}));
  EXPECT_EQ(subsets.chosen({{"id", text("b")}}), (Numbers{2}));
  EXPECT_EQ(subsets.set.subsets()->duplicates(), 1u);
}

TEST(Subset, ListsCanStandForTheirItems) {
  const MetadataValue both{MetadataValue::List{text("v1"), text("v2")}};
  const std::vector<Endpoint> endpoints = {at(1).label("version", both), at(2).label("version", text("v2"))};
  LbSubset config = selectors({{"version"}}, Fallback::kDefaultSubset);
  config.default_subset = {{"version", text("v1")}};
  config.list_as_any = true;
  Subsets any(config, endpoints);
  EXPECT_EQ(any.chosen({{"version", text("v1")}}), (Numbers{1}));
  EXPECT_EQ(any.chosen({{"version", text("v2")}}), (Numbers{1, 2}));
  EXPECT_EQ(any.chosen({{"version", both}}), (Numbers{1}))
      << "falls back to the default, whose value the list holds";
  EXPECT_EQ(any.block.value(kFallback), 60u);
  config.list_as_any = false;
  Subsets whole(config, endpoints);
  EXPECT_EQ(whole.chosen({{"version", both}}), (Numbers{1}));
  EXPECT_EQ(whole.chosen({{"version", text("v1")}}), (Numbers{0}));
}

TEST(Subset, CombinesListsOfSeveralKeys) {
  LbSubset config = selectors({{"a", "b"}});
  config.list_as_any = true;
  const MetadataValue list{MetadataValue::List{text("1"), text("2")}};
  Subsets subsets(
      config, {at(1).label("a", list).label("b", list), at(2).label("a", text("2")).label("b", text("1"))});
  EXPECT_EQ(subsets.chosen({{"a", text("1")}, {"b", text("2")}}), (Numbers{1}));
  EXPECT_EQ(subsets.chosen({{"a", text("2")}, {"b", text("1")}}), (Numbers{1, 2}));
  EXPECT_EQ(subsets.set.subsets()->names(), (std::vector<std::string>{R"(a="1",b="1")", R"(a="1",b="2")",
                                                                      R"(a="2",b="1")", R"(a="2",b="2")"}));
  EXPECT_EQ(subsets.set.subsets()->size(), 4u);
}

TEST(Subset, ManySubsetsAreToldApart) {
  std::vector<Endpoint> endpoints;
  for (int i = 1; i <= 200; ++i) endpoints.push_back(at(i).label("id", text(std::to_string(i).c_str())));
  Subsets subsets(selectors({{"id"}}), endpoints);
  for (int i = 1; i <= 200; ++i)
    EXPECT_EQ(subsets.chosen({{"id", text(std::to_string(i).c_str())}}), (Numbers{i}));
}

TEST(Subset, ChoosingAllocatesNothing) {
  LbSubset config = selectors({{"stage", "version"}, {"stage"}}, Fallback::kAnyEndpoint);
  config.selectors[0].fallback = Fallback::kKeysSubset;
  config.selectors[0].fallback_keys = {"stage"};
  Subsets subsets(config, staged());
  const SubsetMatch matches[] = {{{"stage", text("prod")}, {"version", text("v1")}},
                                 {{"stage", text("prod")}, {"version", text("a version with a long name")}},
                                 {{"version", text("v1")}}};
  subsets.balancer.pick(subsets.set, {.subset = &matches[0]});
  const size_t before = test::allocations();
  for (int i = 0; i < 300; ++i)
    ASSERT_NE(subsets.balancer.pick(subsets.set, {.subset = &matches[i % 3]}), nullptr);
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
