#include "remora/config/route_search.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "remora/config/metadata.h"
#include "unit/support/random_routes.h"

namespace remora {
namespace {

using test::header_is;
using test::request;
using test::route;
using test::table_of;
using test::with_header;
using Kind = PathMatch::Kind;

std::string told(const RouteSearch& search) {
  std::string text;
  for (const auto& [position, why] : search.earlier)
    text += std::to_string(position) + " " + why.condition + " | " + why.expected + " | " + why.seen + "\n";
  return text;
}

TEST(RouteSearch, SaysWhyEachEarlierRouteDidNotMatch) {
  Route strict = with_header(with_header(route(Kind::kPrefix, "/"), "x-a", "1"), "x-user", "alice");
  Route query = route(Kind::kPrefix, "/");
  query.match.query_parameters.push_back({"v", false, true, {}});
  query.match.query_parameters.back().string.value = "2";
  Route grpc = route(Kind::kPrefix, "/");
  grpc.match.grpc = true;
  Route some = route(Kind::kPrefix, "/");
  some.match.runtime_fraction = RuntimeFraction{"", {50, 100}};
  Route claims = route(Kind::kPrefix, "/");
  claims.match.dynamic_metadata.push_back({"jwt", {"sub"}, {}, false});
  claims.match.dynamic_metadata.back().value.kind = ValueMatcher::Kind::kString;
  claims.match.dynamic_metadata.back().value.string.value = "bob";
  const auto table =
      table_of({route(Kind::kExact, "/x"), strict, query, grpc, some, claims, route(Kind::kRegex, "/[0-9]+"),
                route(Kind::kConnect, ""), route(Kind::kPrefix, "/")});
  HeaderMap head = request("/a?v=3");
  head.add("x-a", "1");
  head.add("x-user", "eve");
  head.add("x-user", "mallory");
  Metadata metadata;
  metadata.filters["jwt"].value = MetadataValue::Object{{"sub", {std::string("eve")}}};
  const auto search = table->explain(head, 70, {.metadata = &metadata}, 100);
  EXPECT_EQ(search.match.route, &table->config().virtual_hosts[0].routes[8]);
  EXPECT_EQ(search.domain, "*");
  EXPECT_EQ(told(search),
            "0 path | path \"/x\" | \"/a\"\n"
            "1 headers[1] | x-user: exact \"alice\" | \"eve\", \"mallory\"\n"
            "2 query_parameters[0] | v: exact \"2\" | \"3\"\n"
            "3 grpc | content-type: application/grpc | (absent)\n"
            "4 runtime_fraction | 50 of 100 requests | 70 (the request's random value modulo 100)\n"
            "5 dynamic_metadata[0] | jwt/sub: exact \"bob\" | \"eve\"\n"
            "6 path | safe_regex \"/[0-9]+\" | \"/a\"\n"
            "7 path | connect_matcher | \"GET\"\n");
  EXPECT_EQ(search.left_out, 0u);
}

TEST(RouteSearch, ManyEarlierRoutesAreCountedThoseOnThePathTold) {
  std::vector<Route> routes;
  for (int i = 0; i < 1000; ++i) {
    routes.push_back(i % 100 == 50 ? with_header(route(Kind::kPrefix, "/a"), "x-n", std::to_string(i))
                                   : route(Kind::kPrefix, "/b" + std::to_string(i)));
  }
  const auto table = table_of(std::move(routes));
  const auto search = table->explain(request("/a"), 0, {}, 12);
  EXPECT_EQ(search.match.route, nullptr);
  EXPECT_EQ(search.earlier.size(), 12u);
  EXPECT_EQ(search.left_out, 988u);
  size_t on_the_path = 0;
  for (const auto& earlier : search.earlier) on_the_path += earlier.why.condition == "headers[0]" ? 1 : 0;
  EXPECT_EQ(on_the_path, 10u);
  const auto fewer = table->explain(request("/a"), 0, {}, 3);
  EXPECT_EQ(fewer.earlier.size(), 3u);
  EXPECT_EQ(fewer.earlier[0].position, 50u);
}

TEST(RouteSearch, NamesTheDomainThatDecided) {
  RouteConfig config;
  config.virtual_hosts.resize(1);
  config.virtual_hosts[0].domains = {"a.com", "*.b.com", "c.*", "*"};
  const auto table = RouteTable::compile(std::move(config)).value();
  for (const auto& [authority, domain] :
       {std::pair{"A.com", "a.com"}, {"x.B.com", "*.b.com"}, {"c.org", "c.*"}, {"d", "*"}}) {
    EXPECT_EQ(table->explain(request("/", authority), 0, {}, 1).domain, domain);
  }
}

TEST(RouteSearch, LongAndStrangeValuesAreCutAndEscaped) {
  const auto table = table_of({with_header(route(Kind::kPrefix, "/"), "x-n", std::string(5000, 'a'))});
  HeaderMap head = request("/");
  head.add("x-n", "a\x1b[2J\"" + std::string(100000, 'b'));
  const auto search = table->explain(head, 0, {}, 10);
  ASSERT_EQ(search.earlier.size(), 1u);
  EXPECT_LT(search.earlier[0].why.expected.size(), 300u);
  EXPECT_LT(search.earlier[0].why.seen.size(), 300u);
  EXPECT_NE(search.earlier[0].why.seen.find("a\\x1b[2J\\\""), std::string::npos);
}

// --- Shadowed routes.

std::string shadows(std::vector<Route> routes) {
  const auto table = table_of(std::move(routes));
  std::string text;
  for (const auto& [position, by] : table->shadowed(0))
    text += (text.empty() ? "" : " ") + std::to_string(position) + "<" + std::to_string(by);
  return text;
}

TEST(ShadowedRoutes, PathsThatAnEarlierRouteTakes) {
  EXPECT_EQ(shadows({route(Kind::kPrefix, "/a"), route(Kind::kExact, "/ab"), route(Kind::kPrefix, "/a/b"),
                     route(Kind::kSeparatedPrefix, "/a"), route(Kind::kRegex, "/a/[0-9]+"),
                     route(Kind::kRegex, "/abc"), route(Kind::kPrefix, "/")}),
            "1<0 2<0 3<0 4<0 5<0");
  EXPECT_EQ(shadows({route(Kind::kSeparatedPrefix, "/a"), route(Kind::kPrefix, "/a/"),
                     route(Kind::kSeparatedPrefix, "/a"), route(Kind::kSeparatedPrefix, "/a/b"),
                     route(Kind::kExact, "/a"), route(Kind::kExact, "/a/x"), route(Kind::kPrefix, "/a"),
                     route(Kind::kExact, "/ab")}),
            "1<0 2<0 3<0 4<0 5<0 7<6");
  EXPECT_EQ(shadows({route(Kind::kRegex, "/a/.*"), route(Kind::kPrefix, "/a/b"), route(Kind::kExact, "/a/b"),
                     route(Kind::kRegex, "/b.*|/c"), route(Kind::kRegex, "/b.*|/c"),
                     route(Kind::kExact, "/bb"), route(Kind::kPrefix, "/b")}),
            "1<0 2<0 4<3 5<3");
  EXPECT_EQ(shadows({route(Kind::kRegex, ".*"), route(Kind::kRegex, "/x+"), route(Kind::kConnect, ""),
                     route(Kind::kConnect, "")}),
            "1<0 3<2");
}

TEST(ShadowedRoutes, CaseCounts) {
  EXPECT_EQ(
      shadows({route(Kind::kPrefix, "/a"), route(Kind::kPrefix, "/A", false), route(Kind::kPrefix, "/Ab")}),
      "2<1");
  EXPECT_EQ(shadows({route(Kind::kPrefix, "/1"), route(Kind::kPrefix, "/1A", false)}), "1<0");
}

TEST(ShadowedRoutes, ConditionsMustBeFewer) {
  const auto plain = [] { return route(Kind::kPrefix, "/"); };
  Route rare = plain();
  rare.match.runtime_fraction = RuntimeFraction{"", {10, 100}};
  Route often = plain();
  often.match.runtime_fraction = RuntimeFraction{"", {20, 100}};
  Route always = plain();
  always.match.runtime_fraction = RuntimeFraction{"", {100, 100}};
  EXPECT_EQ(shadows({with_header(plain(), "a", "1"), with_header(plain(), "a", "2"),
                     with_header(with_header(plain(), "b", "1"), "a", "1"), plain(),
                     with_header(plain(), "c", "1")}),
            "2<0 4<3");
  EXPECT_EQ(shadows({rare, often, rare, plain()}), "2<0");
  EXPECT_EQ(shadows({always, plain()}), "1<0");
}

TEST(ShadowedRoutes, TheLastOfTenThousandIsFound) {
  std::vector<Route> routes;
  for (int i = 0; i < 10000; ++i)
    routes.push_back(with_header(route(Kind::kPrefix, "/"), "x-n", std::to_string(i)));
  routes.push_back(with_header(route(Kind::kPrefix, "/"), "x-n", "9999"));
  EXPECT_EQ(shadows(std::move(routes)), "10000<9999");
}

class ShadowedProperty : public testing::TestWithParam<uint32_t> {};

TEST_P(ShadowedProperty, WhatIsNamedIsNeverReached) {
  test::RandomRoutes generator(GetParam());
  size_t named = 0;
  for (int round = 0; round < 60; ++round) {
    const auto table = table_of(generator.routes(2 + generator.below(30)));
    const auto& routes = table->config().virtual_hosts[0].routes;
    const auto shadowed = table->shadowed(0);
    named += shadowed.size();
    for (int i = 0; i < 300 && !shadowed.empty(); ++i) {
      const HeaderMap head = generator.head();
      const uint64_t random = generator.below(1000);
      for (const auto& [position, by] : shadowed) {
        if (!test::matches(routes[position], head, random)) continue;
        EXPECT_TRUE(test::matches(routes[by], head, random))
            << to_string(routes[by].match) << " does not take " << head.method() << " " << head.path()
            << " of " << to_string(routes[position].match);
      }
    }
  }
  EXPECT_GT(named, 100u);
}

TEST_P(ShadowedProperty, TheSearchAgreesWithTheMatch) {
  test::RandomRoutes generator(GetParam());
  for (int round = 0; round < 30; ++round) {
    const auto table = table_of(generator.routes(1 + generator.below(40)));
    const auto& routes = table->config().virtual_hosts[0].routes;
    for (int i = 0; i < 100; ++i) {
      const HeaderMap head = generator.head();
      const uint64_t random = generator.below(1000);
      const auto search = table->explain(head, random, {}, 1000);
      ASSERT_EQ(search.match.route, table->match(head, random).route);
      const size_t end = search.match.route == nullptr
                             ? routes.size()
                             : static_cast<size_t>(search.match.route - routes.data());
      ASSERT_EQ(search.earlier.size(), end);
      for (const auto& [position, why] : search.earlier)
        ASSERT_EQ(why.condition == "path", !test::path_matches(routes[position].match.path, head));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ShadowedProperty, testing::Values(1, 2, 3, 5, 8, 13));

}  // namespace
}  // namespace remora
