// What routes say to HTTP filters, as istiod writes it.
#include <gtest/gtest.h>

#include "envoy/config/route/v3/route_components.pb.h"
#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "istio/build/translate.h"
#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

using Policy = envoy::extensions::filters::http::cors::v3::CorsPolicy;

/// The policy of the only route, whose corsPolicy is this.
Policy policy_of(const std::string& cors) {
  const auto parsed =
      resources(virtual_service("  - corsPolicy: " + cors + "\n    route: [{destination: {host: myapp}}]\n"));
  const auto& service = std::get<VirtualService>(parsed.at(0)->spec);
  envoy::config::route::v3::Route route;
  apply_route_filters(service.http.at(0), route);
  Policy policy;
  EXPECT_EQ(route.typed_per_filter_config_size(), 1);
  EXPECT_TRUE(route.typed_per_filter_config().at("envoy.filters.http.cors").UnpackTo(&policy));
  return policy;
}

TEST(RouteFilters, ARouteWithoutThemSaysNothing) {
  envoy::config::route::v3::Route route;
  apply_route_filters(HttpRoute(), route);
  EXPECT_EQ(route.typed_per_filter_config_size(), 0);
}

TEST(RouteFilters, CorsPolicyInFull) {
  EXPECT_EQ(
      policy_of("{allowOrigins: [{exact: 'https://a.com'}, {prefix: 'https://b'}, {regex: '.*c'}], "
                "allowMethods: [GET, PUT], allowHeaders: [x-a, x-b], exposeHeaders: [x-c], maxAge: 24h, "
                "allowCredentials: true, unmatchedPreflights: IGNORE}")
          .ShortDebugString(),
      "allow_origin_string_match { exact: \"https://a.com\" } "
      "allow_origin_string_match { prefix: \"https://b\" } "
      "allow_origin_string_match { safe_regex { regex: \".*c\" } } "
      "allow_methods: \"GET,PUT\" allow_headers: \"x-a,x-b\" expose_headers: \"x-c\" max_age: \"86400\" "
      "allow_credentials { value: true } filter_enabled { default_value { numerator: 100 } } "
      "forward_not_matching_preflights { }");
}

TEST(RouteFilters, AnEmptyCorsPolicyForwardsOtherOriginsPreflights) {
  EXPECT_EQ(
      policy_of("{}").ShortDebugString(),
      "filter_enabled { default_value { numerator: 100 } } forward_not_matching_preflights { value: true }");
}

TEST(RouteFilters, TheOlderSpellingOfOrigins) {
  EXPECT_EQ(policy_of("{allowOrigin: ['*']}").allow_origin_string_match(0).exact(), "*");
  const auto found =
      findings_of(virtual_service("  - corsPolicy: {allowOrigin: ['*'], allowOrigins: [{exact: a}]}\n"
                                  "    route: [{destination: {host: myapp}}]\n"));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find("spec.http[0].corsPolicy.allowOrigin: has no effect beside allowOrigins"),
            std::string::npos);
}

}  // namespace
}  // namespace remora::istio::test
