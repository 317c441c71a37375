#include <gtest/gtest.h>

#include "remora/config/matchers.h"
#include "remora/config/metadata.h"

namespace remora {
namespace {

using Kind = ValueMatcher::Kind;

MetadataValue text(const char* value) {
  MetadataValue out;
  out.value = std::string(value);
  return out;
}

/// {"ns": {"a": {"b": "x"}, "n": 5, "t": true, "l": ["x", "y"], "z": null}}
Metadata example() {
  MetadataValue inner;
  inner.value = MetadataValue::Object{{"b", text("x")}};
  MetadataValue number;
  number.value = 5.0;
  MetadataValue flag;
  flag.value = true;
  MetadataValue list;
  list.value = MetadataValue::List{text("x"), text("y")};
  Metadata out;
  out.filters["ns"].value =
      MetadataValue::Object{{"a", inner}, {"n", number}, {"t", flag}, {"l", list}, {"z", MetadataValue()}};
  return out;
}

ValueMatcher equal_to(const char* value) {
  ValueMatcher out;
  out.kind = Kind::kString;
  out.string.value = value;
  return out;
}

ValueMatcher numbers(double from, double to) {
  ValueMatcher out;
  out.kind = Kind::kNumber;
  out.from = from;
  out.to = to;
  return out;
}

bool matches(std::vector<std::string> path, ValueMatcher value, bool invert = false) {
  const Metadata metadata = example();
  return MetadataMatcher{"ns", std::move(path), std::move(value), invert}.matches(&metadata);
}

TEST(MetadataMatcher, FollowsThePath) {
  EXPECT_TRUE(matches({"a", "b"}, equal_to("x")));
  EXPECT_FALSE(matches({"a", "c"}, equal_to("x")));
  EXPECT_FALSE(matches({"a", "b", "c"}, equal_to("x")));
  EXPECT_FALSE(matches({"a"}, equal_to("x")));
}

TEST(MetadataMatcher, KnowsEveryKindOfValue) {
  EXPECT_TRUE(matches({"n"}, numbers(5, 5)));
  EXPECT_TRUE(matches({"n"}, numbers(5, 6)));
  EXPECT_FALSE(matches({"n"}, numbers(4, 5)));
  EXPECT_FALSE(matches({"a", "b"}, numbers(5, 5)));
  ValueMatcher of_kind;
  of_kind.kind = Kind::kBool;
  EXPECT_TRUE(matches({"t"}, of_kind));
  EXPECT_FALSE(matches({"n"}, of_kind));
  of_kind.kind = Kind::kNull;
  EXPECT_TRUE(matches({"z"}, of_kind));
  EXPECT_FALSE(matches({"missing"}, of_kind));
  of_kind.kind = Kind::kPresent;
  EXPECT_TRUE(matches({"z"}, of_kind));
  of_kind.flag = false;
  EXPECT_FALSE(matches({"z"}, of_kind));
}

TEST(MetadataMatcher, LooksIntoListsAndAtAlternatives) {
  ValueMatcher in_list;
  in_list.kind = Kind::kOneOf;
  in_list.any = {equal_to("y")};
  EXPECT_TRUE(matches({"l"}, in_list));
  EXPECT_FALSE(matches({"a", "b"}, in_list));
  ValueMatcher either;
  either.kind = Kind::kOr;
  either.any = {in_list, equal_to("x")};
  EXPECT_TRUE(matches({"l"}, either));
  EXPECT_TRUE(matches({"a", "b"}, either));
  EXPECT_FALSE(matches({"n"}, either));
}

TEST(MetadataMatcher, InvertedHoldsWhereNothingIs) {
  EXPECT_TRUE(matches({"missing"}, equal_to("x"), true));
  EXPECT_FALSE(matches({"a", "b"}, equal_to("x"), true));
  EXPECT_TRUE((MetadataMatcher{"ns", {"a"}, equal_to("x"), true}.matches(nullptr)));
  EXPECT_FALSE((MetadataMatcher{"ns", {"a"}, equal_to("x"), false}.matches(nullptr)));
}

}  // namespace
}  // namespace remora
