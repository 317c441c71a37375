#include "health_check/payload_matcher.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace remora {
namespace {

bool found(const std::vector<std::string>& blocks, const std::vector<std::string>& pieces) {
  PayloadMatcher matcher(blocks);
  for (const auto& piece : pieces) matcher.feed(piece);
  return matcher.done();
}

TEST(PayloadMatcher, BlocksComeInOrderWithAnythingBetween) {
  EXPECT_TRUE(found({}, {}));
  EXPECT_TRUE(found({"ab"}, {"xxabxx"}));
  EXPECT_TRUE(found({"ab", "cd"}, {"ab..cd"}));
  EXPECT_TRUE(found({"ab", "ab"}, {"abab"}));
  EXPECT_FALSE(found({"ab", "cd"}, {"cd..ab"}));
  EXPECT_FALSE(found({"ab", "bc"}, {"abc"})) << "a byte counts once";
  EXPECT_FALSE(found({"ab"}, {}));
}

TEST(PayloadMatcher, PiecesAreCutAnywhere) {
  const std::string text = "..one...two..three";
  for (size_t size = 1; size <= text.size(); ++size) {
    std::vector<std::string> pieces;
    for (size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
    EXPECT_TRUE(found({"one", "two", "three"}, pieces)) << size;
    EXPECT_FALSE(found({"one", "three", "two"}, pieces)) << size;
  }
}

TEST(PayloadMatcher, BeginsAnew) {
  const std::vector<std::string> blocks{"ab", "cd"};
  PayloadMatcher matcher(blocks);
  matcher.feed("ab");
  matcher.reset();
  matcher.feed("cd");
  EXPECT_FALSE(matcher.done());
  matcher.feed("abcd");
  EXPECT_TRUE(matcher.done());
}

}  // namespace
}  // namespace remora
