#include "web/http_message.h"

#include <gtest/gtest.h>

#include "web/listen_address.h"
#include "web/percent.h"

namespace remora::web {
namespace {

Request get(std::string target) { return {.target = std::move(target)}; }

TEST(Request, PathEndsAtTheQuery) {
  EXPECT_EQ(get("/a/b%20c?d=e").path(), "/a/b%20c");
  EXPECT_EQ(get("/a").path(), "/a");
}

TEST(Request, QueryIsDecoded) {
  const Request request = get("/x?label%53elector=app%3Dapi%2Cv+in+(1)&watch&empty=&a=1&a=2");
  EXPECT_EQ(request.query("labelSelector"), "app=api,v in (1)");
  EXPECT_TRUE(request.has_query("watch"));
  EXPECT_EQ(request.query("watch"), "");
  EXPECT_TRUE(request.has_query("empty"));
  EXPECT_EQ(request.query("a"), "1");
  EXPECT_FALSE(request.has_query("b"));
  EXPECT_FALSE(get("/watch").has_query("watch"));
}

TEST(PercentDecode, LeavesWhatIsNoEscape) {
  EXPECT_EQ(percent_decode("%41%4", Plus::kIsPlus), "A%4");
  EXPECT_EQ(percent_decode("%zz+%", Plus::kIsPlus), "%zz+%");
  EXPECT_EQ(percent_decode("a+b%2B", Plus::kIsSpace), "a b+");
  EXPECT_EQ(percent_decode("%4", Plus::kIsPlus), "%4");
  EXPECT_EQ(percent_decode("%ff", Plus::kIsPlus), "\xff");
}

TEST(ListenAddress, TakesAddressesAndPorts) {
  EXPECT_EQ(to_text(*parse_listen_address("127.0.0.1:80")), "127.0.0.1:80");
  EXPECT_EQ(to_text(*parse_listen_address("[::1]:0")), "[::1]:0");
  EXPECT_EQ(to_text(*parse_listen_address("localhost:65535")), "127.0.0.1:65535");
  for (const char* bad :
       {"", "80", "example.org:80", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:8x", ":80"}) {
    EXPECT_FALSE(parse_listen_address(bad).ok()) << bad;
  }
}

TEST(ListenAddress, KnowsNamesOfLoopback) {
  for (const char* good : {"localhost", "localhost:15080", "127.0.0.1:1", "127.8.8.8", "[::1]:80", "[::1]"}) {
    EXPECT_TRUE(names_loopback(good)) << good;
  }
  for (const char* bad :
       {"", "evil.example", "localhost.evil.example:80", "10.0.0.1:80", "[::2]:80", "[", "127.0.0.1.x"}) {
    EXPECT_FALSE(names_loopback(bad)) << bad;
  }
}

}  // namespace
}  // namespace remora::web
