#include "internal_redirect.h"

#include <gtest/gtest.h>

#include <string>

#include "stats/http_stats.h"

namespace remora {
namespace {

std::string parsed(std::string_view location) {
  const auto target = parse_location(location);
  if (!target) return "none";
  return std::string(target->scheme) + " " + std::string(target->host) + " " + std::string(target->path);
}

TEST(InternalRedirect, OnlyAbsoluteLocationsAreFollowed) {
  EXPECT_EQ(parsed("http://a.local/b?c=1#d"), "http a.local /b?c=1");
  EXPECT_EQ(parsed("https://a.local:8443"), "https a.local:8443 /");
  EXPECT_EQ(parsed("http://[::1]:80/x"), "http [::1]:80 /x");
  for (const char* bad : {"", "/b", "//a.local/b", "http://", "http:///b", "ftp://a/b", "http://u@a/b",
                          "http://a /b", "://a/b", "mailto:a"}) {
    EXPECT_EQ(parsed(bad), "none") << bad;
  }
}

Route route(std::string name, std::string prefix) {
  Route out;
  out.name = std::move(name);
  out.match.path.value = std::move(prefix);
  return out;
}

/// Routes "one" and "two" by their prefixes; "one" follows redirects.
struct Redirecting {
  std::shared_ptr<const RouteTable> table;
  RedirectHistory history;
  HeaderMap request;
  bool plain_text = true;

  explicit Redirecting(const InternalRedirect& policy) {
    RouteConfig config;
    VirtualHost host;
    host.domains = {"*"};
    host.routes = {route("one", "/one"), route("two", "/two")};
    host.routes[0].forward.internal_redirect = std::make_shared<const InternalRedirect>(policy);
    host.routes[1].forward.internal_redirect = std::make_shared<const InternalRedirect>(policy);
    config.virtual_hosts.push_back(std::move(host));
    table = RouteTable::compile(std::move(config)).value();
    request.add(HeaderId::kMethod, "POST");
    request.add(HeaderId::kPath, "/one?q=1");
    request.add(HeaderId::kAuthority, "first.local");
    request.add(HeaderId::kScheme, "http");
    request.add(HeaderId::kContentLength, "4");
  }
  std::optional<size_t> go(std::string_view location, std::string_view status = "302", size_t from = 0) {
    HeaderMap head;
    head.add(HeaderId::kStatus, status);
    head.add(HeaderId::kLocation, location);
    head.add("x-copied", "c");
    const auto& routes = table->config().virtual_hosts[0].routes;
    return history.follow({*table, 0, plain_text, nullptr}, routes[from], head, request).reason;
  }
};

TEST(InternalRedirect, TheRequestGoesWhereTheLocationSays) {
  InternalRedirect policy;
  policy.response_headers_to_copy = {"x-copied", "x-gone"};
  Redirecting test(policy);
  test.request.add("x-gone", "before");
  EXPECT_EQ(test.go("http://second.local:81/two?x=2"), std::nullopt);
  EXPECT_EQ(test.request.authority(), "second.local:81");
  EXPECT_EQ(test.request.path(), "/two?x=2");
  EXPECT_EQ(test.request.method(), "POST");
  EXPECT_EQ(test.request.get("x-envoy-original-url"), "http://first.local/one?q=1");
  EXPECT_EQ(test.request.get("x-copied"), "c");
  EXPECT_EQ(test.request.get("x-gone"), std::nullopt) << "the response has none";
}

TEST(InternalRedirect, SeeOtherIsAGet) {
  Redirecting test(InternalRedirect{});
  EXPECT_EQ(test.go("http://a/two", "303"), std::nullopt);
  EXPECT_EQ(test.request.method(), "GET");
  EXPECT_FALSE(test.request.has(HeaderId::kContentLength));
}

TEST(InternalRedirect, WhatIsNotFollowedLeavesTheRequestAlone) {
  Redirecting test(InternalRedirect{});
  EXPECT_EQ(test.go("/two"), kInternalRedirectBadLocation);
  EXPECT_EQ(test.go("https://a/two"), kInternalRedirectUnsafeScheme);
  EXPECT_EQ(test.go("http://a/nowhere"), kInternalRedirectNoRoute);
  EXPECT_EQ(test.request.path(), "/one?q=1");
  EXPECT_EQ(test.request.authority(), "first.local");
  EXPECT_EQ(test.request.get("x-envoy-original-url"), std::nullopt);
}

TEST(InternalRedirect, EndsAtItsLimit) {
  InternalRedirect policy;
  policy.max_redirects = 2;
  Redirecting test(policy);
  EXPECT_EQ(test.go("http://a/two"), std::nullopt);
  EXPECT_EQ(test.go("http://a/one", "302", 1), std::nullopt);
  EXPECT_EQ(test.go("http://a/two"), kInternalRedirectTooMany);
  test.history.clear();
  EXPECT_EQ(test.go("http://a/two"), std::nullopt);
}

TEST(InternalRedirect, PredicatesLookAtTheNextRoute) {
  InternalRedirect policy;
  policy.max_redirects = 9;
  policy.allowed_routes = {"two"};
  Redirecting listed(policy);
  EXPECT_EQ(listed.go("http://a/one"), kInternalRedirectPredicate);
  EXPECT_EQ(listed.go("http://a/two"), std::nullopt);

  policy.allowed_routes.reset();
  policy.previous_routes = true;
  Redirecting previous(policy);
  EXPECT_EQ(previous.go("http://a/two"), std::nullopt);
  EXPECT_EQ(previous.go("http://a/two/again", "302", 1), std::nullopt) << "another route says it";
  EXPECT_EQ(previous.go("http://a/two"), kInternalRedirectPredicate);
}

TEST(InternalRedirect, NobodyIsLedFromPlainTextIntoTls) {
  InternalRedirect policy;
  policy.max_redirects = 9;
  policy.allow_cross_scheme = true;
  policy.safe_cross_scheme = true;
  Redirecting test(policy);
  EXPECT_EQ(test.go("https://a/two"), kInternalRedirectPredicate);
  test.plain_text = false;
  test.request.set(HeaderId::kScheme, "https");
  EXPECT_EQ(test.go("http://a/two"), std::nullopt);
}

}  // namespace
}  // namespace remora
