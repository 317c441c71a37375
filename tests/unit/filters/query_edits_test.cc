#include "header_mutation/query_edits.h"

#include <gtest/gtest.h>

namespace remora {
namespace {

using filters::QueryEdit;
using Action = HeaderMutation::Action;

QueryEdit put(std::string name, std::string_view value, Action action = Action::kAppendOrAdd) {
  QueryEdit edit{.name = std::move(name), .action = action};
  edit.value = Format::literal(value);
  return edit;
}

std::string edited(std::string_view target, const std::vector<QueryEdit>& edits) {
  return filters::edit_query(target, edits, ExchangeInfo());
}

TEST(QueryEdits, Actions) {
  EXPECT_EQ(edited("/p", {put("a", "1")}), "/p?a=1");
  EXPECT_EQ(edited("/p?a=0", {put("a", "1")}), "/p?a=0&a=1");
  EXPECT_EQ(edited("/p?a=0&a=2", {put("a", "1", Action::kOverwriteOrAdd)}), "/p?a=1");
  EXPECT_EQ(edited("/p", {put("a", "1", Action::kOverwriteOrAdd)}), "/p?a=1");
  EXPECT_EQ(edited("/p?a", {put("a", "1", Action::kAddIfAbsent)}), "/p?a=");
  EXPECT_EQ(edited("/p", {put("a", "1", Action::kAddIfAbsent)}), "/p?a=1");
  EXPECT_EQ(edited("/p?b=0", {put("a", "1", Action::kOverwriteIfExists)}), "/p?b=0");
  EXPECT_EQ(edited("/p?a=0", {{.name = "a", .remove = true}}), "/p");
}

TEST(QueryEdits, EachSeesWhatThoseBeforeItDid) {
  EXPECT_EQ(edited("/p", {put("a", "1"), put("a", "2", Action::kAddIfAbsent), put("a", "3")}), "/p?a=1&a=3");
}

TEST(QueryEdits, NamesAreComparedDecoded) {
  EXPECT_EQ(edited("/p?%61=0&%6=1&%=2", {{.name = "a", .remove = true}}), "/p?%=2&%6=1");
}

TEST(QueryEdits, ValuesCannotBecomeMoreThanValues) {
  EXPECT_EQ(edited("/p", {put("a", "1&b=2#c d\r\n")}), "/p?a=1%26b%3D2%23c%20d%0D%0A");
}

}  // namespace
}  // namespace remora
