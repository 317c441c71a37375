#include "translate/route.h"

#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

constexpr std::string_view kPolicy =
    "\"@type\": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy";
constexpr std::string_view kWrapper = "\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig";

class RouteFiltersTest : public TranslateTest {
 protected:
  /// What a route says, whose typed_per_filter_config is this.
  std::vector<FilterOverride> overrides(const std::string& yaml) {
    const auto route = from_yaml<envoy::config::route::v3::Route>(
        "{match: {prefix: /}, route: {cluster: a}, typed_per_filter_config: " + yaml + "}");
    return to_filter_overrides(route.typed_per_filter_config(), context_);
  }
  std::string wrapped(const std::string& rest) {
    return "{f: {" + std::string(kWrapper) + (rest.empty() ? "" : ", ") + rest + "}}";
  }
  std::string policy(const std::string& rest = "") {
    return "{" + std::string(kPolicy) + (rest.empty() ? "" : ", ") + rest + "}";
  }
};

TEST_F(RouteFiltersTest, ComeInTheOrderOfTheirNames) {
  const auto found = overrides("{z: " + policy() + ", a: " + policy("max_age: '5'") + "}");
  ASSERT_EQ(found.size(), 2u) << errors();
  EXPECT_EQ(found[0].filter, "a");
  EXPECT_EQ(found[1].filter, "z");
  EXPECT_NE(found[0].config, nullptr);
  EXPECT_FALSE(found[0].disabled);
  EXPECT_EQ(errors() + warnings(), "");
}

TEST_F(RouteFiltersTest, TheWrapperTurnsOffAndOn) {
  auto off = overrides(wrapped("disabled: true"));
  EXPECT_TRUE(off.at(0).disabled);
  EXPECT_EQ(errors() + warnings(), "");
  auto on = overrides(wrapped("config: " + policy()));
  EXPECT_FALSE(on.at(0).disabled);
  EXPECT_NE(on.at(0).config, nullptr);
  EXPECT_EQ(errors() + warnings(), "");
}

TEST_F(RouteFiltersTest, TheWrapperNeedsAConfigurationOrDisables) {
  overrides(wrapped(""));
  EXPECT_EQ(errors(), "typed_per_filter_config[\"f\"].config: is required, unless the filter is disabled\n");
}

TEST_F(RouteFiltersTest, AConfigurationBesideDisabledIsSaidToBeWithoutEffect) {
  overrides(wrapped("disabled: true, config: " + policy()));
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(warnings(),
            "typed_per_filter_config[\"f\"].config: has no effect: the filter is disabled here\n");
}

TEST_F(RouteFiltersTest, RefusesTypesThatNoFilterReads) {
  const std::string router =
      "{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}";
  const std::string text =
      "the per-route configuration of the HTTP filter 'f', of type "
      "envoy.extensions.filters.http.router.v3.Router, is not implemented by this build";
  overrides("{f: " + router + "}");
  EXPECT_EQ(errors(), "typed_per_filter_config[\"f\"]: " + text + "\n");

  const auto found = overrides(wrapped("is_optional: true, config: " + router));
  EXPECT_EQ(found.at(0).config, nullptr);
  EXPECT_EQ(warnings(),
            "typed_per_filter_config[\"f\"].config: " + text + "; it is optional and passed over\n");
}

TEST_F(RouteFiltersTest, FindingsInsideNameTheWholePath) {
  overrides("{f: " + policy("allow_origin_string_match: [{safe_regex: {regex: '('}}]") + "}");
  EXPECT_TRUE(
      errors().starts_with("typed_per_filter_config[\"f\"].allow_origin_string_match[0].safe_regex.regex: "))
      << errors();
}

TEST_F(RouteFiltersTest, StandAtEveryLevel) {
  const std::string filters = "typed_per_filter_config: {f: " + policy() + "}";
  const auto table = translate_routes(
      from_yaml<envoy::config::route::v3::RouteConfiguration>(
          "name: r\n" + filters + "\nvirtual_hosts:\n- name: h\n  domains: ['*']\n  " + filters +
          "\n  routes:\n  - match: {prefix: /}\n    " + filters +
          "\n    route: {weighted_clusters: {clusters: [{name: a, weight: 1, " + filters + "}]}}\n"),
      "1", false, context_);
  ASSERT_NE(table, nullptr) << errors();
  const auto& route = table->config().virtual_hosts[0].routes[0];
  EXPECT_EQ(route.forward.weighted[0].filters.resolved->at(0).configs.size(), 4u);
  EXPECT_EQ(route.filters.resolved->at(0).configs.size(), 3u);
}

}  // namespace
}  // namespace remora::xds
