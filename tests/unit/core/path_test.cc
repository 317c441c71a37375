#include "remora/http/path.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

HeaderMap request(const std::string& target) {
  HeaderMap head;
  head.add(HeaderId::kMethod, "GET");
  head.add(HeaderId::kPath, target);
  return head;
}

struct Case {
  std::string target;
  std::string expected;  // "" : refused
};

void expect_all(const PathPolicy& policy, const std::vector<Case>& cases) {
  for (const auto& [target, expected] : cases) {
    HeaderMap head = request(target);
    const PathVerdict verdict = apply_path_policy(head, policy);
    EXPECT_EQ(verdict, expected.empty() ? PathVerdict::kReject : PathVerdict::kAccept) << target;
    EXPECT_EQ(head.path(), expected.empty() ? target : expected) << target;
  }
}

// What an Envoy 1.40 answered for the same targets.
TEST(PathPolicy, NormalizesAsEnvoyDoes) {
  expect_all({.normalize = true}, {{"/", "/"},
                                   {"/a/./b", "/a/b"},
                                   {"/a/../b", "/b"},
                                   {"/../..", "/"},
                                   {"/a/b/..", "/a/"},
                                   {"/a/.", "/a/"},
                                   {"/a//b", "/a//b"},
                                   {"///", "///"},
                                   {"/a/%2e%2e/b", "/b"},
                                   {"/%2E", "/"},
                                   {"/a/.%2e/", "/"},
                                   {"/a/%2E%2e/%2E/b/", "/b/"},
                                   {"/a.b/..c/...", "/a.b/..c/..."},
                                   {"/%41%7e%2d%5f%2f%5c%20", "/A~-_%2f%5c%20"},
                                   {"/a%2fb", "/a%2fb"},
                                   {"/a/..%2fb", "/a/..%2fb"},
                                   {"/%2e%2e%2f..", "/..%2f.."},
                                   {"/a\\b", "/a/b"},
                                   {"/a\\..\\b", "/b"},
                                   {"/a%5Cb%2F..%2f", "/a%5Cb%2F..%2f"},
                                   {"/%zz%4", "/%zz%4"},
                                   {"/%", "/%"},
                                   {"/%%300", "/%2500"},
                                   {"/%%30%30", "/%2500"},
                                   {"/%a%31", "/%25a1"},
                                   {"/%25", "/%25"},
                                   {"/%2541", "/%2541"},
                                   {"/%7F", "/%7F"},
                                   {"/%C3%A9", "/%C3%A9"},
                                   {"/%5B%7B", "/%5B%7B"},
                                   {"/[]@!$&'()*+,;=:~", "/[]@!$&'()*+,;=:~"},
                                   {"/a^b|c\"<>`{}", "/a%5Eb%7Cc%22%3C%3E%60%7B%7D"},
                                   {"/a/..;/b", "/a/..;/b"},
                                   {"/a?x=/../%41//", "/a?x=/../%41//"},
                                   {"/a/../b?x=/../%41//", "/b?x=/../%41//"},
                                   {"*", "*"},
                                   {"/%00", ""},
                                   {"/a#b", ""}});
}

TEST(PathPolicy, MergesSlashesOutsideTheQuery) {
  expect_all({.merge_slashes = true}, {{"/a//b", "/a/b"},
                                       {"//a", "/a"},
                                       {"/a//", "/a/"},
                                       {"//", "//"},
                                       {"///", "//"},
                                       {"////a///b////", "/a/b/"},
                                       {"/a/./b", "/a/./b"},
                                       {"/%41", "/%41"},
                                       {"/a//b?c=//d", "/a/b?c=//d"},
                                       {"/a?c=//d", "/a?c=//d"}});
}

TEST(PathPolicy, StepsFollowOneAnother) {
  const PathPolicy policy{true, true, EscapedSlashes::kUnescapeAndForward};
  expect_all(policy, {{"/%41%7e%2d%5f%2f%5c%20", "/A~-_/%20"},
                      {"/a%5Cb%2F..%2f", "/a/"},
                      {"/a/..%2fb", "/b"},
                      {"/%2f%2f", "//"},
                      {"/a%2Fb?c=%2f", "/a/b?c=%2f"},
                      {"/%2e%2e%2f..", "/"}});
}

TEST(PathPolicy, EscapedSlashesAlone) {
  expect_all({.escaped_slashes = EscapedSlashes::kKeep}, {{"/a%2fb", "/a%2fb"}});
  expect_all({.escaped_slashes = EscapedSlashes::kUnescapeAndForward},
             {{"/a%5Cb%2F..%2f", "/a\\b/../"}, {"/%41%2f", "/%41/"}, {"/a?%2f", "/a?%2f"}});
  expect_all({.escaped_slashes = EscapedSlashes::kReject},
             {{"/a%2Fb", ""}, {"/a%5c", ""}, {"/%2", "/%2"}, {"/a?%2f", "/a?%2f"}});
}

TEST(PathPolicy, RedirectsToTheFinishedPath) {
  const PathPolicy policy{true, false, EscapedSlashes::kUnescapeAndRedirect};
  for (const auto& [target, expected] :
       std::vector<Case>{{"/a%2fb", "/a/b"}, {"/a/..%2fb?c=%2f", "/b?c=%2f"}, {"/%2f%2f", "///"}}) {
    HeaderMap head = request(target);
    EXPECT_EQ(apply_path_policy(head, policy), PathVerdict::kRedirect) << target;
    EXPECT_EQ(head.path(), expected);
  }
  HeaderMap plain = request("/a/../b");
  EXPECT_EQ(apply_path_policy(plain, policy), PathVerdict::kAccept);
  EXPECT_EQ(plain.path(), "/b");
}

TEST(PathPolicy, ARequestWithoutAPathPasses) {
  HeaderMap head;
  head.add(HeaderId::kMethod, "CONNECT");
  EXPECT_EQ(apply_path_policy(head, {true, true, EscapedSlashes::kReject}), PathVerdict::kAccept);
  EXPECT_FALSE(head.has(HeaderId::kPath));
}

TEST(PathPolicy, NormalizedPathsStayAsTheyAre) {
  const PathPolicy policy{.normalize = true, .merge_slashes = true};
  for (const char* target : {"/a/../b//c/./d", "/%%300", "/%41%2e%2f", "/a^b", "/x\\..\\y"}) {
    HeaderMap head = request(target);
    ASSERT_EQ(apply_path_policy(head, policy), PathVerdict::kAccept);
    const std::string once(head.path());
    ASSERT_EQ(apply_path_policy(head, policy), PathVerdict::kAccept);
    EXPECT_EQ(head.path(), once) << target;
  }
}

TEST(PathPolicy, NothingToDoCostsNoAllocation) {
  HeaderMap head = request("/api/v1/items/42.json?sort=%2Fup");
  const char* const before = head.path().data();
  const size_t allocations = test::allocations();
  const PathVerdict verdict = apply_path_policy(head, {true, true, EscapedSlashes::kReject});
  EXPECT_EQ(test::allocations() - allocations, 0u);
  EXPECT_EQ(verdict, PathVerdict::kAccept);
  EXPECT_EQ(head.path().data(), before);
}

TEST(Path, SplitsAtTheFirstQuestionMark) {
  struct Split {
    std::string_view target, path, query;
    bool has_query;
  };
  for (const auto& [target, path, query, has_query] :
       std::initializer_list<Split>{{"/a?b=c?d", "/a", "b=c?d", true},
                                    {"/a?", "/a", "", true},
                                    {"/a", "/a", "", false},
                                    {"/a#f", "/a", "", false},
                                    {"", "", "", false}}) {
    const PathParts parts = split_path(target);
    EXPECT_EQ(parts.path, path) << target;
    EXPECT_EQ(parts.query, query) << target;
    EXPECT_EQ(parts.has_query, has_query) << target;
  }
}

TEST(Path, QueryParameters) {
  EXPECT_EQ(query_parameter("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(query_parameter("a=1&b=2", "b"), "2");
  EXPECT_EQ(query_parameter("a&b", "a"), "");
  EXPECT_EQ(query_parameter("a=b=c", "a"), "b=c");
  EXPECT_EQ(query_parameter("aa=1&ab", "a"), std::nullopt);
  EXPECT_EQ(query_parameter("", ""), std::nullopt);
}

}  // namespace
}  // namespace remora
