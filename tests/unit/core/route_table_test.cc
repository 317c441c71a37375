#include "remora/config/route_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Kind = PathMatch::Kind;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

Route route(Kind kind, const std::string& value, bool case_sensitive = true) {
  Route made;
  made.match.path.kind = kind;
  made.match.path.value = case_sensitive ? value : lower(value);
  made.match.path.case_sensitive = case_sensitive;
  if (kind == Kind::kRegex) made.match.path.regex = Regex::compile(value).value();
  return made;
}

HeaderMatcher header_is(const std::string& name, const std::string& value) {
  HeaderMatcher matcher;
  matcher.name = name;
  matcher.id = header_id(name);
  matcher.kind = HeaderMatcher::Kind::kString;
  matcher.string.value = value;
  return matcher;
}

Route with_header(Route made, const std::string& name, const std::string& value) {
  made.match.headers.push_back(header_is(name, value));
  return made;
}

HeaderMap request(const std::string& path, const std::string& authority = "host",
                  const std::string& method = "GET") {
  HeaderMap head;
  head.add(HeaderId::kMethod, method);
  head.add(HeaderId::kAuthority, authority);
  if (!path.empty()) head.add(HeaderId::kPath, path);
  return head;
}

std::shared_ptr<const RouteTable> table_of(std::vector<Route> routes) {
  RouteConfig config;
  config.name = "test";
  config.virtual_hosts.emplace_back();
  config.virtual_hosts[0].name = "all";
  config.virtual_hosts[0].domains = {"*"};
  config.virtual_hosts[0].routes = std::move(routes);
  return RouteTable::compile(std::move(config)).value();
}

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

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  std::vector<Route> routes(size_t count) {
    std::vector<Route> made;
    while (made.size() < count) made.push_back(any_route());
    return made;
  }

  HeaderMap head() {
    const size_t kind = below(20);
    HeaderMap made =
        request(kind == 0 ? "" : text(6) + (below(3) == 0 ? "?v=" + std::to_string(below(3)) : ""), "host",
                kind < 2 ? "CONNECT" : "GET");
    if (below(2) == 0) made.add("x-n", std::to_string(below(3)));
    if (below(4) == 0) made.add(HeaderId::kContentType, "application/grpc");
    return made;
  }

  uint64_t below(uint64_t bound) { return random_() % bound; }

 private:
  std::string text(size_t longest) {
    std::string made = below(10) == 0 ? "" : "/";
    for (uint64_t left = below(longest + 1); left > 0; --left) made += "aAb//"[below(5)];
    return made;
  }

  Route any_route() {
    static const char* const kPatterns[] = {"/a.*", "/.*/b", "/[aA]+", ".*", "/(a|b)*/?", "/aA|/bb", ""};
    const uint64_t kind = below(20);
    Route made = kind == 0  ? route(Kind::kConnect, "")
                 : kind < 5 ? route(Kind::kRegex, kPatterns[below(std::size(kPatterns))])
                            : route(std::array{Kind::kExact, Kind::kPrefix, Kind::kSeparatedPrefix}[below(3)],
                                    text(4), below(3) != 0);
    if (below(2) == 0) made.match.headers.push_back(header_is("x-n", std::to_string(below(3))));
    if (below(8) == 0) made.match.runtime_fraction = RuntimeFraction{"", {30, 100}};
    if (below(10) == 0) made.match.grpc = true;
    if (below(8) == 0)
      made.match.query_parameters.push_back(
          {"v", below(2) == 0, below(4) != 0, {StringMatcher::Kind::kExact, "1", false, {}}});
    return made;
  }

  std::mt19937 random_;
};

bool path_matches(const PathMatch& rule, const HeaderMap& head) {
  if (rule.kind == Kind::kConnect) return head.method() == "CONNECT";
  if (!head.has(HeaderId::kPath)) return false;
  std::string path(head.path().substr(0, head.path().find_first_of("?#")));
  if (rule.kind == Kind::kRegex) return rule.regex.matches(path);
  if (!rule.case_sensitive) path = lower(path);
  if (rule.kind == Kind::kExact) return path == rule.value;
  if (!path.starts_with(rule.value)) return false;
  return rule.kind == Kind::kPrefix || path.size() == rule.value.size() || path[rule.value.size()] == '/';
}

bool conditions_match(const RouteMatch& match, const HeaderMap& head, uint64_t random) {
  const size_t question = std::min(head.path().find('?'), head.path().size());
  const std::string_view query = head.path().substr(std::min(question + 1, head.path().size()));
  if (match.grpc && head.value_of(HeaderId::kContentType) != "application/grpc") return false;
  if (match.runtime_fraction && random % 100 >= match.runtime_fraction->value.numerator) return false;
  for (const auto& header : match.headers) {
    if (!header.matches(head)) return false;
  }
  for (const auto& parameter : match.query_parameters) {
    if (!parameter.matches(query)) return false;
  }
  return true;
}

long scan(const std::vector<Route>& routes, const HeaderMap& head, uint64_t random) {
  for (size_t i = 0; i < routes.size(); ++i) {
    if (path_matches(routes[i].match.path, head) && conditions_match(routes[i].match, head, random))
      return static_cast<long>(i);
  }
  return -1;
}

class RouteTableProperty : public testing::TestWithParam<uint32_t> {};

TEST_P(RouteTableProperty, AgreesWithScanningAllRoutes) {
  Generator generator(GetParam());
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
