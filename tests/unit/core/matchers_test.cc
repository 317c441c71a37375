#include "remora/config/matchers.h"

#include <gtest/gtest.h>

#include <string>

namespace remora {
namespace {

Regex regex(const std::string& pattern) {
  auto compiled = Regex::compile(pattern);
  EXPECT_TRUE(compiled.ok()) << pattern;
  return compiled ? compiled.value() : Regex();
}

StringMatcher string_matcher(StringMatcher::Kind kind, const std::string& value, bool ignore_case = false) {
  StringMatcher matcher;
  matcher.kind = kind;
  matcher.value = value;
  matcher.ignore_case = ignore_case;
  if (kind == StringMatcher::Kind::kRegex) matcher.regex = regex(value);
  return matcher;
}

TEST(Regex, HostilePatternsAreRefusedByTheirProgramsSize) {
  // Short to write, tens of thousands of instructions to run.
  for (const char* pattern :
       {"((a{30}){30}){30}", "(.{200}){60}", "[^/]{1000}[^/]{1000}[^/]{1000}[^/]{1000}"}) {
    const auto compiled = Regex::compile(pattern);
    ASSERT_FALSE(compiled.ok()) << pattern;
    EXPECT_NE(compiled.error().message.find(pattern), std::string::npos);
  }
  std::string many;
  for (int i = 0; i < 12; ++i) many += "a{1000}";
  const auto refused = Regex::compile(many);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("exceeds the limit of 10000"), std::string::npos)
      << refused.error().message;
  EXPECT_FALSE(Regex::compile("a{100}", 50).ok());
  EXPECT_TRUE(Regex::compile("a{100}", 200).ok());
}

TEST(Regex, MatchesTheWholeText) {
  const Regex digits = regex("/v[0-9]+");
  EXPECT_TRUE(digits.matches("/v12"));
  EXPECT_FALSE(digits.matches("/v12/"));
  EXPECT_FALSE(digits.matches("x/v12"));
  EXPECT_EQ(digits.pattern(), "/v[0-9]+");
}

TEST(Regex, AlternativesStayInsideTheWholeMatch) {
  const Regex either = regex("a|ab");
  EXPECT_TRUE(either.matches("a"));
  EXPECT_TRUE(either.matches("ab"));
  EXPECT_FALSE(either.matches("abc"));
}

TEST(Regex, ErrorsNameThePattern) {
  const auto broken = Regex::compile("a(b");
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("a(b"), std::string::npos) << broken.error().message;
  const auto back_reference = Regex::compile("(a)\\1");
  EXPECT_FALSE(back_reference.ok());
}

TEST(Regex, ProgramSizeIsLimited) {
  const auto large = Regex::compile("(a{100}){9}", 500);
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("exceeds the limit of 500"), std::string::npos)
      << large.error().message;
  EXPECT_TRUE(Regex::compile("(a{100}){4}", 500).ok());
}

TEST(Regex, ReplacesEveryMatchWithGroups) {
  EXPECT_EQ(regex("/([^/]+)/old").replace_all("/a/old/b/old", "/new/\\1"), "/new/a/new/b");
  EXPECT_EQ(regex("x").replace_all("abc", "y"), "abc");
  EXPECT_EQ(Regex().replace_all("abc", "y"), "abc");
}

TEST(Regex, AnUnsetOneMatchesNothing) {
  EXPECT_FALSE(Regex().matches(""));
  EXPECT_EQ(Regex().pattern(), "");
}

TEST(StringMatcher, KindsAndCase) {
  using Kind = StringMatcher::Kind;
  struct Case {
    Kind kind;
    std::string value;
    bool ignore_case;
    std::string text;
    bool expected;
  };
  const Case cases[] = {
      {Kind::kExact, "abc", false, "abc", true},     {Kind::kExact, "abc", false, "ABC", false},
      {Kind::kExact, "abc", true, "aBc", true},      {Kind::kExact, "abc", true, "abcd", false},
      {Kind::kExact, "", false, "", true},           {Kind::kPrefix, "ab", false, "abc", true},
      {Kind::kPrefix, "ab", false, "a", false},      {Kind::kPrefix, "ab", true, "ABC", true},
      {Kind::kPrefix, "ab", true, "A", false},       {Kind::kSuffix, "bc", false, "abc", true},
      {Kind::kSuffix, "bc", false, "c", false},      {Kind::kSuffix, "bc", true, "ABC", true},
      {Kind::kSuffix, "bc", true, "B", false},       {Kind::kContains, "b", false, "abc", true},
      {Kind::kContains, "B", false, "abc", false},   {Kind::kContains, "bc", true, "xBCx", true},
      {Kind::kContains, "bc", true, "xbxcx", false}, {Kind::kContains, "", true, "", true},
      {Kind::kRegex, "a+", false, "aaa", true},      {Kind::kRegex, "a+", false, "aab", false},
      {Kind::kRegex, "(?i)a+", false, "AaA", true},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(string_matcher(c.kind, c.value, c.ignore_case).matches(c.text), c.expected)
        << static_cast<int>(c.kind) << " '" << c.value << "' on '" << c.text << "'";
  }
}

class HeaderMatcherTest : public testing::Test {
 protected:
  HeaderMatcherTest() {
    headers_.add(HeaderId::kMethod, "GET");
    headers_.add("x-one", "1");
    headers_.add("x-empty", "");
    headers_.add("x-many", "a");
    headers_.add("x-many", "b");
  }
  static HeaderMatcher present(const std::string& name, bool wanted, bool invert = false) {
    HeaderMatcher matcher;
    matcher.name = name;
    matcher.id = header_id(name);
    matcher.present = wanted;
    matcher.invert = invert;
    return matcher;
  }
  static HeaderMatcher exact(const std::string& name, const std::string& value, bool invert = false) {
    HeaderMatcher matcher = present(name, true, invert);
    matcher.kind = HeaderMatcher::Kind::kString;
    matcher.string = string_matcher(StringMatcher::Kind::kExact, value);
    return matcher;
  }
  static HeaderMatcher range(const std::string& name, int64_t start, int64_t end) {
    HeaderMatcher matcher = present(name, true);
    matcher.kind = HeaderMatcher::Kind::kRange;
    matcher.range_start = start;
    matcher.range_end = end;
    return matcher;
  }
  bool in_range(const std::string& value, int64_t start, int64_t end) {
    HeaderMap headers;
    headers.add("x-n", value);
    return range("x-n", start, end).matches(headers);
  }
  HeaderMap headers_;
};

TEST_F(HeaderMatcherTest, Presence) {
  EXPECT_TRUE(present("x-one", true).matches(headers_));
  EXPECT_TRUE(present("x-empty", true).matches(headers_));
  EXPECT_FALSE(present("x-none", true).matches(headers_));
  EXPECT_TRUE(present("x-none", false).matches(headers_));
  EXPECT_FALSE(present("x-one", false).matches(headers_));
  EXPECT_FALSE(present("x-one", true, true).matches(headers_));
  EXPECT_TRUE(present("x-none", true, true).matches(headers_));
  EXPECT_FALSE(present("x-none", false, true).matches(headers_));
}

TEST_F(HeaderMatcherTest, Strings) {
  EXPECT_TRUE(exact(":method", "GET").matches(headers_));
  EXPECT_TRUE(exact("x-one", "1").matches(headers_));
  EXPECT_FALSE(exact("x-one", "2").matches(headers_));
  EXPECT_TRUE(exact("x-one", "2", true).matches(headers_));
  EXPECT_TRUE(exact("x-empty", "").matches(headers_));
}

TEST_F(HeaderMatcherTest, RepeatedHeadersAreMatchedOneByOne) {
  headers_.add("via", "1.1 a");  // a known name, found through the index
  headers_.add("via", "1.1 b");
  for (const char* value : {"a", "b"}) {
    EXPECT_TRUE(exact("x-many", value).matches(headers_));
    EXPECT_FALSE(exact("x-many", value, true).matches(headers_));
    EXPECT_TRUE(exact("via", std::string("1.1 ") + value).matches(headers_));
  }
  EXPECT_FALSE(exact("x-many", "a,b").matches(headers_));
  EXPECT_FALSE(exact("x-many", "c").matches(headers_));
  EXPECT_TRUE(exact("x-many", "c", true).matches(headers_));
  EXPECT_FALSE(exact("via", "1.1 c").matches(headers_));
  EXPECT_TRUE(exact("via", "1.1 c", true).matches(headers_));
}

TEST_F(HeaderMatcherTest, AMissingHeaderFailsEvenAnInvertedRule) {
  EXPECT_FALSE(exact("x-none", "1").matches(headers_));
  EXPECT_FALSE(exact("x-none", "1", true).matches(headers_));
  HeaderMatcher empty = exact("x-none", "", false);
  empty.treat_missing_as_empty = true;
  EXPECT_TRUE(empty.matches(headers_));
  HeaderMatcher other = exact("x-none", "1", true);
  other.treat_missing_as_empty = true;
  EXPECT_TRUE(other.matches(headers_));
}

TEST_F(HeaderMatcherTest, HostIsTheAuthority) {
  headers_.add(HeaderId::kAuthority, "shop.test");
  EXPECT_TRUE(exact("host", "shop.test").matches(headers_));
  EXPECT_FALSE(exact("host", "other").matches(headers_));
  EXPECT_TRUE(present("host", true).matches(headers_));
}

TEST_F(HeaderMatcherTest, RangesAreHalfOpen) {
  EXPECT_TRUE(in_range("10", 10, 20));
  EXPECT_TRUE(in_range("19", 10, 20));
  EXPECT_FALSE(in_range("20", 10, 20));
  EXPECT_FALSE(in_range("9", 10, 20));
  EXPECT_TRUE(in_range("-5", -10, 0));
  EXPECT_FALSE(in_range("12a", 10, 20));
  EXPECT_FALSE(in_range("1.2", 0, 20));
  EXPECT_FALSE(in_range("", 0, 20));
  EXPECT_FALSE(in_range("99999999999999999999", 0, INT64_MAX));
  EXPECT_FALSE(range("x-none", 0, 10).matches(headers_));
}

TEST(QueryMatcher, FindsTheFirstParameterOfThatName) {
  QueryMatcher matcher;
  matcher.name = "a";
  for (const char* query : {"a", "a=", "a=1", "b=2&a=1", "b&a", "&&a=", "a=1&b"})
    EXPECT_TRUE(matcher.matches(query)) << query;
  for (const char* query : {"", "b", "aa=1", "b=a", "A=1", "&", "=a"})
    EXPECT_FALSE(matcher.matches(query)) << query;
  matcher.present = false;
  EXPECT_TRUE(matcher.matches("b=1"));
  EXPECT_FALSE(matcher.matches("a=1"));
}

TEST(QueryMatcher, ComparesTheValue) {
  QueryMatcher matcher;
  matcher.name = "a";
  matcher.any_value = false;
  matcher.string = string_matcher(StringMatcher::Kind::kExact, "1");
  EXPECT_TRUE(matcher.matches("b=1&a=1&a=2"));
  EXPECT_FALSE(matcher.matches("a=2&a=1"));
  EXPECT_FALSE(matcher.matches("a"));
  EXPECT_FALSE(matcher.matches("b=1"));
  matcher.string = string_matcher(StringMatcher::Kind::kExact, "x=y");
  EXPECT_TRUE(matcher.matches("a=x=y"));
}

TEST(Fraction, TakesItsShare) {
  const Fraction tenth{10, 100};
  size_t taken = 0;
  for (uint64_t random = 0; random < 1000; ++random) taken += tenth.includes(random) ? 1 : 0;
  EXPECT_EQ(taken, 100u);
  EXPECT_FALSE((Fraction{0, 100}).includes(0));
  EXPECT_TRUE((Fraction{100, 100}).includes(99));
}

}  // namespace
}  // namespace remora
