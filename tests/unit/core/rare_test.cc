#include "remora/core/rare.h"

#include <gtest/gtest.h>

#include <string>

namespace remora {
namespace {

TEST(RareValue, ReadsAsTheDefaultUntilItIsAnother) {
  RareValue<std::string> value;
  EXPECT_EQ(*value, "");
  EXPECT_TRUE(value->empty());
  value = std::string("other");
  EXPECT_EQ(*value, "other");
  value.edit() += "s";
  const RareValue<std::string> copy = value;
  value.edit() = "changed";
  EXPECT_EQ(*copy, "others");
}

TEST(RareValue, TheDefaultTakesNoMemoryHoweverItCameThere) {
  RareValue<std::string> value = std::string("set");
  value = std::string();
  EXPECT_EQ(value.operator->(), RareValue<std::string>().operator->());
  EXPECT_EQ(sizeof(value), sizeof(void*));
}

TEST(RareList, IsAVectorThatIsMostlyNotThere) {
  RareList<int> list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.begin(), list.end());
  EXPECT_EQ(list.list().size(), 0u);
  list.push_back(1);
  list.emplace_back(2);
  EXPECT_EQ(list.list(), (std::vector<int>{1, 2}));
  int sum = 0;
  for (const int each : list) sum += each;
  EXPECT_EQ(sum, 3);
  const RareList<int> copy = list;
  list.back() = 5;
  EXPECT_EQ(copy[1], 2);
  EXPECT_FALSE(copy == list);
  list.clear();
  EXPECT_TRUE(list == RareList<int>());
  EXPECT_EQ(sizeof(list), sizeof(void*));
}

TEST(RareList, AnEmptyVectorIsAsGoodAsNone) {
  RareList<int> list = std::vector<int>();
  EXPECT_EQ(list.begin(), nullptr);
  list = {3};
  EXPECT_EQ(list.front(), 3);
}

}  // namespace
}  // namespace remora
