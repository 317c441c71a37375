#include "translate/uri_template.h"

#include <gtest/gtest.h>

#include "remora/config/matchers.h"

namespace remora::xds {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_uri_template(text);
  return parsed.ok() ? std::string() : parsed.error().message;
}

bool matches(std::string_view text, std::string_view path) {
  return Regex::compile(parse_uri_template(text).value().expression).value().matches(path);
}

TEST(UriTemplate, WhatItStandsFor) {
  EXPECT_TRUE(matches("/", "/"));
  EXPECT_TRUE(matches("/a/", "/a/"));
  EXPECT_FALSE(matches("/a/", "/a"));
  EXPECT_TRUE(matches("/*/{x=b/*}/**", "/1/b/2/"));
  EXPECT_FALSE(matches("/*/b", "//b"));
  EXPECT_FALSE(matches("/a.b", "/axb"));
  EXPECT_TRUE(matches("/a*b", "/a*b"));
  EXPECT_TRUE(matches("/{v}.m3u8", "/x.y.m3u8"));
  EXPECT_EQ(parse_uri_template("/{a}/{b_2=**}").value().variables, (std::vector<std::string>{"a", "b_2"}));
}

TEST(UriTemplate, WhatIsRefused) {
  EXPECT_EQ(error_of("a"), "must begin with '/'");
  EXPECT_EQ(error_of("/a//b"), "has an empty segment");
  EXPECT_EQ(error_of("/**/b/*"), "nothing open may come behind '**'");
  EXPECT_EQ(error_of("/{a=**}/{b}"), "nothing open may come behind '**'");
  EXPECT_EQ(error_of("/{a}/{a}"), "there are two variables 'a'");
  EXPECT_EQ(error_of("/{a}/{b}/{c}/{d}/{e}/{f}"), "has more than 5 variables");
  EXPECT_EQ(error_of("/{a=}"), "nothing stands for variable 'a'");
  EXPECT_EQ(error_of("/{a=b/}"), "a variable cannot stand for '/'");
  EXPECT_EQ(error_of("/{a"), "unmatched bracket in '{a'");
  EXPECT_EQ(error_of("/*.x/y"), "only the last segment may have a suffix: '.x/y'");
  EXPECT_EQ(error_of("/a b"), "no path has 'a b'");
  EXPECT_NE(error_of("/{a23456789012345678}"), "");
  EXPECT_NE(error_of("/{1}"), "");
}

TEST(UriTemplate, RewritesInItsVariables) {
  const auto of = parse_uri_template("/{a}/{b}").value();
  EXPECT_EQ(to_substitution("/x/{b}-{a}", of).value(), "/x/\\2-\\1");
  EXPECT_EQ(to_substitution("{a}", of).error().message, "must begin with '/'");
  EXPECT_EQ(to_substitution("/a//b", of).error().message, "cannot have '//'");
  EXPECT_EQ(to_substitution("/{c}", of).error().message, "the template has no variable 'c'");
  EXPECT_EQ(to_substitution("/{a", of).error().message, "unmatched bracket in '{a'");
  EXPECT_EQ(to_substitution("/\\1", of).error().message, "no path has '\\'");
}

}  // namespace
}  // namespace remora::xds
