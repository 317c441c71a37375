#include "hash_policy.h"

#include <gtest/gtest.h>

#include <bit>

#include "core/hash.h"
#include "peer.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

HashPolicy policy(HashPolicy::Kind kind, std::string name = {}, bool terminal = false) {
  HashPolicy out;
  out.kind = kind;
  out.name = std::move(name);
  out.terminal = terminal;
  return out;
}

HashPolicy header(std::string name, bool terminal = false) {
  return policy(HashPolicy::Kind::kHeader, std::move(name), terminal);
}

/// One request of a client at 1.2.3.4, over a connection from 127.0.0.1:5000 to 127.0.0.1:80.
struct Request {
  HeaderMap head;
  Address client = Address::ip("1.2.3.4", 1).value();
  Peer peer;
  std::vector<std::string> made;

  Request() {
    peer.direct_remote = Address::ip("127.0.0.1", 5000).value();
    peer.local = Address::ip("127.0.0.1", 80).value();
    head.add(HeaderId::kPath, "/path?user=me&x=1");
    head.add(HeaderId::kAuthority, "a.local");
    head.add("x-user", "one");
  }
  std::optional<uint64_t> hash(const std::vector<HashPolicy>& policies) {
    return request_hash(policies, {head, client, peer}, &made);
  }
};

TEST(HashPolicy, HashesWhatItNames) {
  Request request;
  EXPECT_EQ(request.hash({header("x-user")}), xx_hash64("one"));
  EXPECT_EQ(request.hash({header(":authority")}), xx_hash64("a.local"));
  EXPECT_EQ(request.hash({header("host")}), xx_hash64("a.local"));
  EXPECT_EQ(request.hash({policy(HashPolicy::Kind::kSourceIp)}), xx_hash64("1.2.3.4"));
  EXPECT_EQ(request.hash({policy(HashPolicy::Kind::kQueryParameter, "user")}), xx_hash64("me"));
  request.client = Address::ip("2001:db8::1", 1).value();
  EXPECT_EQ(request.hash({policy(HashPolicy::Kind::kSourceIp)}), xx_hash64("2001:db8::1"));
}

TEST(HashPolicy, WhatIsNotThereHasNoHash) {
  Request request;
  EXPECT_EQ(request.hash({}), std::nullopt);
  EXPECT_EQ(request.hash({header("x-none"), policy(HashPolicy::Kind::kCookie, "c"),
                          policy(HashPolicy::Kind::kQueryParameter, "none")}),
            std::nullopt);
  request.client = Address::unix_path("/run/x").value();
  EXPECT_EQ(request.hash({policy(HashPolicy::Kind::kSourceIp)}), std::nullopt);
}

TEST(HashPolicy, SeveralAreCombined) {
  Request request;
  const uint64_t user = xx_hash64("one");
  EXPECT_EQ(request.hash({header("x-user"), header("x-user")}), std::rotl(user, 1) ^ user);
  EXPECT_EQ(request.hash({header("x-none"), header("x-user")}), user);
  EXPECT_EQ(request.hash({header("x-user"), header("x-none")}), user);
}

TEST(HashPolicy, TerminalEndsOnceThereIsAHash) {
  Request request;
  EXPECT_EQ(request.hash({header("x-user", true), header(":authority")}), xx_hash64("one"));
  EXPECT_EQ(request.hash({header("x-none", true), header(":authority")}), xx_hash64("a.local"));
  // Also where the hash is that of an earlier one.
  EXPECT_EQ(request.hash({header("x-user"), header("x-none", true), header(":authority")}), xx_hash64("one"));
}

TEST(HashPolicy, OrderOfValuesDoesNotMatter) {
  Request one;
  one.head.add("x-user", "two");
  Request other;
  other.head.set("x-user", "two");
  other.head.add("x-user", "one");
  EXPECT_EQ(one.hash({header("x-user")}), other.hash({header("x-user")}));
  EXPECT_EQ(one.hash({header("x-user")}), xx_hash64("two", xx_hash64("one")));
}

TEST(HashPolicy, ValuesAreRewrittenFirst) {
  Request request;
  auto rewritten = header("x-user");
  rewritten.rewrite.emplace();
  rewritten.rewrite->regex = Regex::compile("^(.).*$").value();
  rewritten.rewrite->value = "<\\1>";
  EXPECT_EQ(request.hash({rewritten}), xx_hash64("<o>"));
}

TEST(HashPolicy, CookiesAreMadeOnlyWhereTheyMay) {
  auto cookie = policy(HashPolicy::Kind::kCookie, "session");
  Request request;
  EXPECT_EQ(request.hash({cookie}), std::nullopt);
  cookie.ttl = std::chrono::seconds(60);
  cookie.path = "/app";
  cookie.attributes = {{"SameSite", "Strict"}, {"Secure", ""}};
  const std::string value = "54aafe2ea5a1b7a5";
  const auto hash = request.hash({cookie});
  ASSERT_EQ(request.made.size(), 1U);
  const auto made = request.made[0].substr(9, 16);
  EXPECT_EQ(request.made[0],
            "session=\"" + made + "\"; Max-Age=60; Path=/app; SameSite=Strict; Secure; HttpOnly");
  EXPECT_EQ(std::stoull(made, nullptr, 16), xx_hash64("127.0.0.1:5000127.0.0.1:80"));
  EXPECT_EQ(hash, xx_hash64(made));
  EXPECT_EQ(request_hash({cookie}, {request.head, request.client, request.peer}, nullptr), std::nullopt);

  request.made.clear();
  request.head.add(HeaderId::kCookie, "session=" + value);
  EXPECT_EQ(request.hash({cookie}), xx_hash64(value));
  EXPECT_TRUE(request.made.empty());
}

TEST(HashPolicy, SessionCookiesHaveNoAge) {
  auto cookie = policy(HashPolicy::Kind::kCookie, "s");
  cookie.ttl = std::chrono::seconds(0);
  Request request;
  ASSERT_TRUE(request.hash({cookie}));
  EXPECT_EQ(request.made.at(0).find("Max-Age"), std::string::npos);
}

TEST(HashPolicy, HashingAllocatesNothing) {
  Request request;
  request.head.add("x-user", "two");
  request.head.add(HeaderId::kCookie, "c=value");
  request.client = Address::ip("2001:db8:1234:5678:9abc:def0:1234:5678", 1).value();
  const std::vector<HashPolicy> all = {header("x-user"), policy(HashPolicy::Kind::kCookie, "c"),
                                       policy(HashPolicy::Kind::kSourceIp),
                                       policy(HashPolicy::Kind::kQueryParameter, "user")};
  const size_t before = test::allocations();
  EXPECT_TRUE(request.hash(all));
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
