#include "client/child_table.h"

#include <gtest/gtest.h>

#include <memory>

namespace remora::xds {
namespace {

std::string text(const Users& users) {
  std::string all;
  users.each([&](const std::string& name) { all += name + " "; });
  return all;
}

TEST(Users, EachIsThereOnceInWhateverOrderTheyComeAndGo) {
  Users users;
  EXPECT_TRUE(users.empty());
  for (const char* name : {"b", "a", "c", "b", "a"}) users.insert(name);
  EXPECT_EQ(text(users), "b a c ");
  users.erase("b");
  EXPECT_EQ(text(users), "a c ");
  users.erase("nobody");
  users.erase("c");
  EXPECT_EQ(text(users), "a ");
  users.insert("d");
  users.erase("a");
  users.erase("d");
  EXPECT_TRUE(users.empty());
  users.erase("d");
  EXPECT_TRUE(users.empty());
}

TEST(Users, OneWhoComesTwiceGoesAtOnce) {
  Users users;
  for (const char* name : {"a", "b"}) users.insert(name);
  users.erase("a");
  users.insert("b");
  users.erase("b");
  EXPECT_TRUE(users.empty());
}

TEST(ChildTable, AnEntryLivesAsLongAsSomebodyHoldsIt) {
  ChildTable<std::shared_ptr<const int>> table;
  EXPECT_TRUE(table.hold("x", "first"));
  EXPECT_FALSE(table.hold("x", "second"));
  EXPECT_FALSE(table.release("x", "first"));
  EXPECT_FALSE(table.release("x", "stranger"));
  EXPECT_NE(table.find("x"), nullptr);
  EXPECT_TRUE(table.release("x", "second"));
  EXPECT_EQ(table.find("x"), nullptr);
}

}  // namespace
}  // namespace remora::xds
