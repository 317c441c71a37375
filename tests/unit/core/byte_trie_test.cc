#include "core/byte_trie.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

namespace remora {
namespace {

using Visits = std::vector<std::pair<uint32_t, size_t>>;

Visits walk(const ByteTrie& trie, const std::string& text) {
  Visits visits;
  trie.walk(
      text.size(), [&](size_t i) { return text[i]; },
      [&](uint32_t value, size_t length) { visits.emplace_back(value, length); });
  return visits;
}

TEST(ByteTrie, EmptyTrieFindsNothing) {
  const ByteTrie trie;
  EXPECT_TRUE(trie.empty());
  EXPECT_TRUE(walk(trie, "").empty());
  EXPECT_TRUE(walk(trie, "a").empty());
}

TEST(ByteTrie, VisitsEveryKeyThatTheTextBeginsWithShortestFirst) {
  const ByteTrie trie({{"/api/v1", 3}, {"", 0}, {"/", 1}, {"/app", 4}, {"/api", 2}});
  EXPECT_EQ(walk(trie, ""), (Visits{{0, 0}}));
  EXPECT_EQ(walk(trie, "x"), (Visits{{0, 0}}));
  EXPECT_EQ(walk(trie, "/ap"), (Visits{{0, 0}, {1, 1}}));
  EXPECT_EQ(walk(trie, "/api"), (Visits{{0, 0}, {1, 1}, {2, 4}}));
  EXPECT_EQ(walk(trie, "/api/v2"), (Visits{{0, 0}, {1, 1}, {2, 4}}));
  EXPECT_EQ(walk(trie, "/api/v1/x"), (Visits{{0, 0}, {1, 1}, {2, 4}, {3, 7}}));
  EXPECT_EQ(walk(trie, "/apple"), (Visits{{0, 0}, {1, 1}, {4, 4}}));
}

TEST(ByteTrie, KeysMayHoldAnyByte) {
  const std::string zero("a\0b", 3);
  const ByteTrie trie({{zero, 1}, {"\xff", 2}, {"a\xff", 3}});
  EXPECT_EQ(walk(trie, zero + "!"), (Visits{{1, 3}}));
  EXPECT_EQ(walk(trie, "\xff\xff"), (Visits{{2, 1}}));
  EXPECT_EQ(walk(trie, "a\xff"), (Visits{{3, 2}}));
  EXPECT_TRUE(walk(trie, "a").empty());
}

TEST(ByteTrie, DeepNestingIsBuiltAndWalkedWithoutRecursion) {
  std::vector<ByteTrie::Entry> entries;
  for (uint32_t length = 1; length <= 3000; ++length) entries.emplace_back(std::string(length, 'a'), length);
  const ByteTrie trie(std::move(entries));
  const Visits visits = walk(trie, std::string(5000, 'a'));
  ASSERT_EQ(visits.size(), 3000u);
  EXPECT_EQ(visits.back(), (std::pair<uint32_t, size_t>{3000, 3000}));
}

TEST(ByteTrie, AgreesWithTryingEveryKey) {
  std::mt19937 random(20261121);
  const auto word = [&](size_t longest) {
    std::string text(random() % (longest + 1), ' ');
    for (char& c : text) c = "ab/"[random() % 3];
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, uint32_t> keys;
    for (int i = 0; i < 40; ++i) keys.emplace(word(7), static_cast<uint32_t>(i));
    const ByteTrie trie({keys.begin(), keys.end()});
    for (int i = 0; i < 50; ++i) {
      const std::string text = word(12);
      Visits expected;
      for (size_t length = 0; length <= text.size(); ++length) {
        if (const auto found = keys.find(text.substr(0, length)); found != keys.end()) {
          expected.emplace_back(found->second, length);
        }
      }
      ASSERT_EQ(walk(trie, text), expected) << text;
    }
  }
}

}  // namespace
}  // namespace remora
