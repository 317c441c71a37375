#include "core/route_tree_index.h"

#include <gtest/gtest.h>

#include <random>

#include "remora/http/filter_state.h"

namespace remora {
namespace {

HeaderMap request(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  HeaderMap head;
  for (const auto& [name, value] : fields) head.add(name, value);
  return head;
}

RouteBranch to(uint32_t group) {
  RouteBranch branch;
  branch.group = group;
  return branch;
}

RouteBranch below(RouteTree tree) {
  RouteBranch branch;
  branch.tree = std::make_shared<const RouteTree>(std::move(tree));
  return branch;
}

RouteTree map(RouteTree::Kind kind, std::string header,
              std::vector<std::pair<std::string, RouteBranch>> keys) {
  RouteTree tree;
  tree.kind = kind;
  tree.input.name = std::move(header);
  tree.map = std::move(keys);
  return tree;
}

TEST(RouteTreeIndex, ReadsObjectsThatFiltersHaveLeft) {
  RouteTree tree = map(RouteTree::Kind::kExact, "user", {{"alice", to(0)}});
  tree.input.filter_state = true;
  tree.on_no_match = to(1);
  const RouteTreeIndex index(tree);
  FilterState state;
  EXPECT_EQ(index.find(request({{"user", "alice"}}), nullptr), 1u) << "a header of that name is no object";
  EXPECT_EQ(index.find({}, &state), 1u);
  state.set("user", "alice");
  EXPECT_EQ(index.find({}, &state), 0u);
}

TEST(RouteTreeIndex, HostIsTheAuthority) {
  const RouteTree tree = map(RouteTree::Kind::kExact, "host", {{"a.local", to(3)}});
  const RouteTreeIndex index(tree);
  HeaderMap head;
  head.add(HeaderId::kAuthority, "a.local");
  EXPECT_EQ(index.find(head, nullptr), 3u);
}

TEST(RouteTreeIndex, PrefixesThatLeadNowhereGiveWayToShorterOnesAtEveryLevel) {
  using Kind = RouteTree::Kind;
  RouteTree inner =
      map(Kind::kPrefix, "b", {{"x", to(1)}, {"xy", below(map(Kind::kExact, "c", {{"1", to(2)}}))}});
  RouteTree tree = map(Kind::kPrefix, "a", {{"", to(9)}, {"p", to(0)}, {"pp", below(std::move(inner))}});
  const RouteTreeIndex index(tree);
  EXPECT_EQ(index.find(request({{"a", "ppp"}, {"b", "xyz"}, {"c", "1"}}), nullptr), 2u);
  EXPECT_EQ(index.find(request({{"a", "ppp"}, {"b", "xyz"}, {"c", "2"}}), nullptr), 1u);
  EXPECT_EQ(index.find(request({{"a", "ppp"}, {"b", "yz"}}), nullptr), 0u);
  EXPECT_EQ(index.find(request({{"a", "q"}}), nullptr), 9u);
  EXPECT_EQ(index.find({}, nullptr), RouteTreeIndex::kNone);
}

/// The longest key that begins the text, by looking at all of them.
uint32_t longest(const RouteTree& tree, std::string_view text) {
  uint32_t best = RouteTreeIndex::kNone;
  size_t length = 0;
  for (const auto& [key, branch] : tree.map) {
    if (text.starts_with(key) && key.size() >= length) {
      best = branch.group;
      length = key.size();
    }
  }
  return best;
}

TEST(RouteTreeIndex, FindsWhatAScanFinds) {
  std::mt19937 random(20261121);
  const auto word = [&](size_t most) {
    std::string text;
    for (size_t i = random() % (most + 1); i > 0; --i) text += static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    RouteTree tree = map(RouteTree::Kind::kPrefix, "x", {});
    for (uint32_t i = 0; i < 12; ++i) {
      const std::string key = word(5);
      const auto same = [&](const auto& entry) { return entry.first == key; };
      if (std::none_of(tree.map.begin(), tree.map.end(), same)) tree.map.emplace_back(key, to(i));
    }
    const RouteTreeIndex index(tree);
    for (int i = 0; i < 20; ++i) {
      const std::string text = word(8);
      ASSERT_EQ(index.find(request({{"x", text}}), nullptr), longest(tree, text)) << text;
    }
  }
}

}  // namespace
}  // namespace remora
