// A set of resources whose copies share memory: it behaves as a map would, and what is equal stays shared.
#include "istio/build/encoded_resources.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace remora::istio {
namespace {

EncodedResourcePtr resource(const std::string& name, const std::string& content = "") {
  return std::make_shared<const EncodedResource>(
      EncodedResource{name, content, std::hash<std::string>()(content)});
}

std::string text(const EncodedResources& resources) {
  std::string text;
  for (const auto& [name, each] : resources) text += std::string(name) + '=' + each->any + ' ';
  return text;
}

std::string differences(const EncodedResources& before, const EncodedResources& now) {
  std::string text;
  EncodedResources::compare(before, now, [&](const auto& was, const auto& is) {
    text += (is == nullptr ? "-" + was->name : (was == nullptr ? "+" : "!") + is->name + '=' + is->any) + ' ';
  });
  return text;
}

EncodedResources numbered(int count) {
  EncodedResources resources;
  for (int i = 0; i < count; ++i) resources.put(resource(std::to_string(i), "x"));
  return resources;
}

/// How many entries two sets have in common, as the same place in memory.
size_t shared(const EncodedResources& some, const EncodedResources& others) {
  std::map<const void*, int> places;
  for (const auto& entry : some) ++places[&entry];
  for (const auto& entry : others) ++places[&entry];
  return static_cast<size_t>(
      std::count_if(places.begin(), places.end(), [](const auto& place) { return place.second == 2; }));
}

TEST(EncodedResources, StandInTheOrderOfTheirNames) {
  EncodedResources resources;
  EXPECT_EQ(resources.get("a"), nullptr);
  EXPECT_FALSE(resources.erase("a"));
  for (const char* name : {"b", "d", "a", "c"}) resources.add(resource(name, "1"));
  EXPECT_EQ(text(resources), "a=1 b=1 c=1 d=1 ");
  resources.add(resource("b", "2"));
  EXPECT_EQ(text(resources), "a=1 b=1 c=1 d=1 ") << "what is there stays";
  resources.put(resource("b", "2"));
  resources.put(resource("e", "2"));
  EXPECT_TRUE(resources.erase("c"));
  EXPECT_FALSE(resources.erase("c"));
  EXPECT_EQ(text(resources), "a=1 b=2 d=1 e=2 ");
  EXPECT_EQ(resources.get("b")->any, "2");
  EXPECT_EQ(resources.get("c"), nullptr);
  EXPECT_EQ(resources.find("c"), resources.end());
}

TEST(EncodedResources, NamesLiveAsLongAsTheirResources) {
  EncodedResources copy;
  {
    EncodedResources resources;
    resources.put(resource(std::string(100, 'x'), "old"));
    copy = resources;
    resources.put(resource(std::string(100, 'x'), "new"));  // the old name goes with the old resource
    EXPECT_EQ(resources.begin()->first, std::string(100, 'x'));
    EXPECT_EQ(resources.begin()->first.data(), resources.begin()->second->name.data());
  }
  EXPECT_EQ(copy.get(std::string(100, 'x'))->any, "old");
}

TEST(EncodedResources, AreWhatAMapWouldBe) {
  std::mt19937 random(7);
  for (const unsigned names : {20U, 200U, 5000U}) {
    std::map<std::string, std::string> expected;
    EncodedResources resources, earlier;
    for (int i = 0; i < 20000; ++i) {
      const std::string name = std::to_string(random() % names), content = std::to_string(i);
      if (i % 50 == 0) earlier = resources;  // a copy that must not notice what follows
      const std::string before = i % 500 == 0 ? text(earlier) : "";
      switch (random() % 3) {
        case 0:
          resources.put(resource(name, content));
          expected[name] = content;
          break;
        case 1:
          resources.add(resource(name, content));
          expected.emplace(name, content);
          break;
        default: EXPECT_EQ(resources.erase(name), expected.erase(name) == 1);
      }
      if (i % 500 == 0) {
        ASSERT_EQ(text(earlier), before);
      }
      ASSERT_EQ(resources.size(), expected.size());
    }
    std::string all;
    for (const auto& [name, content] : expected) all.append(name).append("=").append(content).append(" ");
    EXPECT_EQ(text(resources), all);
    EncodedResources fresh;
    for (const auto& [name, content] : expected) fresh.put(resource(name, content));
    EXPECT_EQ(fresh.sum(), resources.sum());
    EXPECT_EQ(differences(fresh, resources), "");
    EXPECT_EQ(differences({}, resources).size(), all.size() + expected.size());
  }
}

TEST(EncodedResources, DifferencesAreFoundByName) {
  EncodedResources before = numbered(1000);
  EncodedResources now = before;
  EXPECT_EQ(differences(before, now), "");
  now.put(resource("500", "y"));
  now.put(resource("500a", "z"));
  now.erase("501");
  now.put(resource("999", "x"));  // as it was
  EXPECT_EQ(differences(before, now), "!500=y +500a=z -501 ");
  EXPECT_EQ(differences(now, before), "!500=x -500a +501=x ");
  EXPECT_EQ(differences({}, before).size(), differences(before, {}).size() + 1000 * 2);
}

TEST(EncodedResources, AChangeLeavesTheRestShared) {
  const EncodedResources before = numbered(10000);
  EncodedResources now = before;
  EXPECT_EQ(shared(before, now), 10000U);
  now.put(resource("5000", "y"));
  now.erase("7000");
  EXPECT_GT(shared(before, now), 9700U);
}

TEST(EncodedResources, WhatIsMadeAnewSharesWhatIsEqual) {
  const EncodedResources before = numbered(10000);
  EncodedResources now = numbered(10001);
  now.erase("3");
  now.put(resource("4", "y"));
  const std::string expected = text(now);
  EXPECT_EQ(shared(before, now), 0U);
  now.share_with(before);
  EXPECT_EQ(text(now), expected);
  EXPECT_GT(shared(before, now), 9600U);
  EXPECT_EQ(now.get("9"), before.get("9"));
  EXPECT_EQ(differences(before, now), "+10000=x -3 !4=y ");
}

}  // namespace
}  // namespace remora::istio
