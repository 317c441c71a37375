#include "remora/config/route_table.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "unit/support/allocation_counter.h"
#include "unit/support/random_routes.h"

namespace remora {
namespace {

using test::request;
using test::route;
using test::table_of;
using test::with_header;
using Kind = PathMatch::Kind;

// The position of the route that matches; -1 if none.
long position(const RouteTable& table, const HeaderMap& head, uint64_t random = 0) {
  const auto match = table.match(head, random);
  if (match.route == nullptr) return -1;
  return match.route - match.virtual_host->routes.data();
}

void expect_positions(const RouteTable& table, const std::vector<std::pair<std::string, long>>& cases) {
  for (const auto& [path, expected] : cases) EXPECT_EQ(position(table, request(path)), expected) << path;
}

TEST(RouteTable, FirstMatchWinsWhateverItsKind) {
  const auto table =
      table_of({route(Kind::kExact, "/a"), route(Kind::kPrefix, "/a/b"), route(Kind::kRegex, "/a/.*/z"),
                route(Kind::kPrefix, "/a/"), route(Kind::kExact, "/a/b/c"), route(Kind::kPrefix, "/")});
  expect_positions(*table, {{"/a", 0},
                            {"/a?x=1", 0},
                            {"/a/b/z", 1},
                            {"/a/c/z", 2},
                            {"/a/c", 3},
                            {"/a/b/c", 1},
                            {"/x", 5},
                            {"x", -1}});
}

TEST(RouteTable, TheOnlyRouteForEveryPath) {
  const auto table = table_of({route(Kind::kPrefix, "/")});
  expect_positions(*table, {{"/", 0}, {"/a/b?c", 0}, {"/#x", 0}, {"*", -1}, {"", -1}, {"a/", -1}});
  const auto conditional = table_of({with_header(route(Kind::kPrefix, "/"), "x-user", "a")});
  expect_positions(*conditional, {{"/", -1}});
  auto head = request("/b");
  head.add("x-user", "a");
  EXPECT_EQ(position(*conditional, head), 0);
}

TEST(RouteTable, QueryAndFragmentAreNotPartOfThePath) {
  const auto table = table_of(
      {route(Kind::kExact, "/a"), route(Kind::kRegex, "/b[0-9]"), route(Kind::kSeparatedPrefix, "/c")});
  expect_positions(*table,
                   {{"/a?b", 0}, {"/a#b", 0}, {"/b1?c=d", 1}, {"/c?/d", 2}, {"/c#x", 2}, {"/cc", -1}});
}

TEST(RouteTable, SeparatedPrefixEndsAtASegment) {
  const auto table =
      table_of({route(Kind::kSeparatedPrefix, "/api/v1"), route(Kind::kSeparatedPrefix, "/API", false)});
  expect_positions(*table, {{"/api/v1", 0},
                            {"/api/v1/", 0},
                            {"/api/v1/x", 0},
                            {"/api/v12", 1},
                            {"/Api", 1},
                            {"/aPI/V1", 1},
                            {"/apis", -1},
                            {"/ap", -1}});
}

TEST(RouteTable, CaseInsensitiveRules) {
  const auto table = table_of({route(Kind::kExact, "/Exact", false), route(Kind::kPrefix, "/Pre", false),
                               route(Kind::kPrefix, "/P")});
  expect_positions(*table, {{"/eXACT", 0}, {"/exact/", -1}, {"/PREfix", 1}, {"/Px", 2}, {"/px", -1}});
}

TEST(RouteTable, AllConditionsMustHold) {
  Route strict = with_header(route(Kind::kPrefix, "/"), "x-user", "alice");
  strict.match.query_parameters.push_back({"v", false, true, {}});
  strict.match.query_parameters.back().string.value = "2";
  strict.match.runtime_fraction = RuntimeFraction{"", {50, 100}};
  const auto table = table_of({strict, route(Kind::kPrefix, "/")});
  HeaderMap head = request("/?v=2");
  EXPECT_EQ(position(*table, head, 0), 1);
  head.add("x-user", "alice");
  EXPECT_EQ(position(*table, head, 0), 0);
  EXPECT_EQ(position(*table, head, 149), 0);
  EXPECT_EQ(position(*table, head, 50), 1);
  head.set(HeaderId::kPath, "/?v=3");
  EXPECT_EQ(position(*table, head, 0), 1);
}

TEST(RouteTable, GrpcRoutesLookAtTheContentType) {
  Route grpc = route(Kind::kPrefix, "/");
  grpc.match.grpc = true;
  const auto table = table_of({grpc});
  for (const auto& [type, expected] : {std::pair{"application/grpc", 0L},
                                       {"application/grpc+proto", 0L},
                                       {"application/grpc-web", -1L},
                                       {"application/json", -1L},
                                       {"", -1L}}) {
    HeaderMap head = request("/s/m");
    head.add(HeaderId::kContentType, type);
    EXPECT_EQ(position(*table, head), expected) << type;
  }
}

TEST(RouteTable, ConnectWithoutAPathMeetsOnlyConnectRoutes) {
  const auto table =
      table_of({route(Kind::kPrefix, "/"), route(Kind::kRegex, ".*"), route(Kind::kConnect, "")});
  EXPECT_EQ(position(*table, request("", "host:443", "CONNECT")), 2);
  EXPECT_EQ(position(*table, request("/x", "host", "CONNECT")), 0);
  EXPECT_EQ(position(*table, request("/x")), 0);
  EXPECT_EQ(position(*table_of({route(Kind::kConnect, "")}), request("/x")), -1);
}

TEST(RouteTable, HostDecidesBeforeThePath) {
  RouteConfig config;
  for (const char* domain : {"a.com", "*.com"}) {
    VirtualHost host;
    host.name = domain;
    host.domains = {domain};
    host.routes = {route(Kind::kExact, std::string("/") + domain)};
    config.virtual_hosts.push_back(std::move(host));
  }
  const auto table = RouteTable::compile(std::move(config)).value();
  EXPECT_EQ(table->match(request("/a.com", "A.com"), 0).route,
            table->config().virtual_hosts[0].routes.data());
  const auto no_route = table->match(request("/*.com", "a.com"), 0);
  EXPECT_EQ(no_route.virtual_host, &table->config().virtual_hosts[0]);
  EXPECT_EQ(no_route.route, nullptr);
  EXPECT_EQ(table->match(request("/*.com", "b.com"), 0).virtual_host, &table->config().virtual_hosts[1]);
  EXPECT_EQ(table->match(request("/", "b.org"), 0).virtual_host, nullptr);
}

TEST(RouteTable, ErrorsNameTheTableAndTheDomain) {
  RouteConfig config;
  config.name = "8080";
  config.virtual_hosts.resize(2);
  for (auto& host : config.virtual_hosts) host.domains = {"a.com"};
  const auto table = RouteTable::compile(std::move(config));
  ASSERT_FALSE(table.ok());
  EXPECT_NE(table.error().message.find("route configuration '8080': "), std::string::npos)
      << table.error().message;
  EXPECT_NE(table.error().message.find("'a.com' occurs twice"), std::string::npos) << table.error().message;
}

TEST(RouteTable, TenThousandRoutesOfOnePrefixAreTriedInOrder) {
  std::vector<Route> routes;
  for (int i = 0; i < 10000; ++i) {
    routes.push_back(
        with_header(route(Kind::kPrefix, i % 2 == 0 ? "/" : "/a"), "x-n", std::to_string(i / 2)));
  }
  const auto table = table_of(std::move(routes));
  HeaderMap head = request("/a");
  EXPECT_EQ(position(*table, head), -1);
  head.add("x-n", "4999");
  EXPECT_EQ(position(*table, head), 9998);
}

TEST(RouteTable, NestedPrefixesWithConditionsMergeByPosition) {
  std::vector<Route> routes;
  for (size_t length = 300; length > 0; --length) {
    routes.push_back(
        with_header(route(Kind::kPrefix, "/" + std::string(length, 'a')), "x-n", std::to_string(length)));
  }
  const auto table = table_of(std::move(routes));
  for (const long length : {1L, 2L, 150L, 299L, 300L}) {
    HeaderMap head = request("/" + std::string(400, 'a'));
    head.add("x-n", std::to_string(length));
    EXPECT_EQ(position(*table, head), 300 - length);
  }
}

TEST(RouteTable, LookupDoesNotAllocate) {
  std::vector<Route> routes;
  for (int i = 0; i < 100; ++i) {
    routes.push_back(with_header(route(Kind::kPrefix, "/p"), "x-n", std::to_string(i)));
    routes.push_back(route(Kind::kExact, "/Exact/" + std::to_string(i), i % 2 == 0));
    routes.push_back(route(Kind::kSeparatedPrefix, "/sep/" + std::to_string(i), i % 2 == 0));
  }
  const auto table = table_of(std::move(routes));
  HeaderMap head = request("/p/some/where?a=b", "Some.Host:80");
  head.add("x-n", "99");
  EXPECT_EQ(position(*table, head), 297);  // the first look-up of a thread makes its scratch
  const size_t before = test::allocations();
  const long found = position(*table, head);
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_EQ(found, 297);
}

// --- The compiled table against a scan of all routes, as Envoy does it.

long scan(const std::vector<Route>& routes, const HeaderMap& head, uint64_t random) {
  for (size_t i = 0; i < routes.size(); ++i) {
    if (test::matches(routes[i], head, random)) return static_cast<long>(i);
  }
  return -1;
}

class RouteTableProperty : public testing::TestWithParam<uint32_t> {};

TEST_P(RouteTableProperty, AgreesWithScanningAllRoutes) {
  test::RandomRoutes generator(GetParam());
  for (int round = 0; round < 60; ++round) {
    const auto table = table_of(generator.routes(1 + generator.below(60)));
    const auto& routes = table->config().virtual_hosts[0].routes;
    for (int i = 0; i < 200; ++i) {
      const HeaderMap head = generator.head();
      const uint64_t random = generator.below(1000);
      ASSERT_EQ(position(*table, head, random), scan(routes, head, random))
          << head.method() << " " << head.path() << " round " << round << " of " << routes.size()
          << " routes";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RouteTableProperty, testing::Values(1, 2, 3, 5, 8, 13, 21, 34));

}  // namespace
}  // namespace remora
