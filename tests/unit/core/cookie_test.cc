#include "remora/http/cookie.h"

#include <gtest/gtest.h>

#include <string>

namespace remora {
namespace {

std::string cookie(std::string_view header, std::string_view name) {
  HeaderMap request;
  request.add(HeaderId::kCookie, header);
  return std::string(request_cookie(request, name).value_or("(none)"));
}

TEST(Cookie, IsFoundByItsWholeName) {
  EXPECT_EQ(cookie("a=1; user=me; b=2", "user"), "me");
  EXPECT_EQ(cookie("user=me", "user"), "me");
  EXPECT_EQ(cookie("superuser=you;  user=me", "user"), "me");
  EXPECT_EQ(cookie("users=you", "user"), "(none)");
  EXPECT_EQ(cookie("User=you", "user"), "(none)");
}

TEST(Cookie, LosesItsQuotes) {
  EXPECT_EQ(cookie("a=\"quoted\"", "a"), "quoted");
  EXPECT_EQ(cookie("a=\"", "a"), "\"");
  EXPECT_EQ(cookie("a=\"\"", "a"), "");
}

TEST(Cookie, FirstOfItsNameCounts) { EXPECT_EQ(cookie("a=1; a=2", "a"), "1"); }

TEST(Cookie, WhatIsNoPairIsSkipped) {
  EXPECT_EQ(cookie("a; =; ;; ; a=b=c", "a"), "b=c");
  EXPECT_EQ(cookie("", "a"), "(none)");
  EXPECT_EQ(cookie("a", "a"), "(none)");
}

TEST(Cookie, AllFieldsAreLookedAt) {
  HeaderMap request;
  request.add(HeaderId::kCookie, "a=1");
  request.add(HeaderId::kCookie, "b=2");
  EXPECT_EQ(request_cookie(request, "b"), "2");
  EXPECT_EQ(request_cookie(HeaderMap(), "b"), std::nullopt);
}

}  // namespace
}  // namespace remora
