#include "translate/route.h"

#include "remora/config/route_tree.h"
#include "unit/translate/translate_test.h"

namespace remora::xds {
namespace {

class RouteTest : public TranslateTest {
 protected:
  std::shared_ptr<const RouteTable> translate(const std::string& yaml) {
    return translate_routes(from_yaml<envoy::config::route::v3::RouteConfiguration>(yaml), "7", false,
                            context_);
  }
  /// The only route of a table that holds it.
  Route one_route(const std::string& yaml) {
    Route route = to_route(from_yaml<envoy::config::route::v3::Route>(yaml), {}, context_);
    return route;
  }
};

TEST_F(RouteTest, TimeoutsOfGrpc) {
  const auto plain = one_route("{match: {prefix: /}, route: {cluster: a}}").forward;
  EXPECT_FALSE(plain.has_stream_duration);
  EXPECT_EQ(plain.grpc_timeouts->max, std::nullopt);
  const auto older =
      one_route("{match: {prefix: /}, route: {cluster: a, max_grpc_timeout: 0s, grpc_timeout_offset: 2s}}")
          .forward;
  EXPECT_EQ(older.grpc_timeouts->max, Milliseconds(0));
  EXPECT_EQ(older.grpc_timeouts->offset, Milliseconds(2000));
  const auto newer =
      one_route(
          "{match: {prefix: /}, route: {cluster: a, max_stream_duration: {grpc_timeout_header_max: 3s, "
          "grpc_timeout_header_offset: 0.5s}}}")
          .forward;
  EXPECT_TRUE(newer.has_stream_duration);
  EXPECT_EQ(newer.max_stream_duration, std::nullopt);
  EXPECT_EQ(newer.grpc_timeouts->header_max, Milliseconds(3000));
  EXPECT_EQ(newer.grpc_timeouts->header_offset, Milliseconds(500));
  EXPECT_EQ(errors() + warnings(), "");
}

TEST_F(RouteTest, DefaultsAreEnvoys) {
  const Route route = one_route("{match: {prefix: /}, route: {cluster: a}}");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(route.action, Route::Action::kForward);
  EXPECT_EQ(route.forward.cluster, "a");
  EXPECT_EQ(route.forward.timeout, Milliseconds(15000));
  EXPECT_EQ(route.forward.cluster_not_found_status, 503);
  EXPECT_EQ(route.forward.retry, nullptr);
  EXPECT_TRUE(route.match.path.case_sensitive);
}

TEST_F(RouteTest, WeightedClustersAreSummedAndMergedOverTheRoutesMetadata) {
  const Route route = one_route(R"(
match: {prefix: /}
route:
  metadata_match: {filter_metadata: {envoy.lb: {stage: prod, version: v0}}}
  weighted_clusters:
    clusters:
    - {name: a, weight: 90, metadata_match: {filter_metadata: {envoy.lb: {version: v1}}}}
    - {name: b, weight: 10}
)");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(route.forward.total_weight, 100u);
  const SubsetMatch merged = {{"stage", MetadataValue{std::string("prod")}},
                              {"version", MetadataValue{std::string("v1")}}};
  EXPECT_EQ(route.forward.weighted[0].metadata_match, merged);
  EXPECT_EQ(route.forward.weighted[1].metadata_match, route.forward.metadata_match);
}

TEST_F(RouteTest, RuntimeWeightsAndFractionsComeFromTheStaticLayer) {
  runtime_ = {
      {"split.a", "25"}, {"mirror.share", "30"}, {"deep.numerator", "5"}, {"deep.denominator", "MILLION"}};
  const Route route = one_route(R"(
match: {prefix: /, runtime_fraction: {default_value: {numerator: 1}, runtime_key: deep}}
route:
  weighted_clusters: {runtime_key_prefix: split, clusters: [{name: a, weight: 90}, {name: b, weight: 10}]}
  request_mirror_policies: [{cluster: m, runtime_fraction: {default_value: {numerator: 1}, runtime_key: mirror.share}}]
)");
  EXPECT_EQ(errors(), "");
  EXPECT_EQ(route.forward.weighted[0].weight, 25u);
  EXPECT_EQ(route.forward.total_weight, 35u);
  EXPECT_EQ(route.forward.mirrors[0].fraction->value.numerator, 30u);
  EXPECT_EQ(route.match.runtime_fraction->value.numerator, 5u);
  EXPECT_EQ(route.match.runtime_fraction->value.denominator, 1000000u);
}

TEST_F(RouteTest, WeightsThatSumToZeroAreRefused) {
  one_route("{match: {prefix: /}, route: {weighted_clusters: {clusters: [{name: a, weight: 0}]}}}");
  EXPECT_EQ(errors(), "route.weighted_clusters: the sum of the weights must be greater than 0\n");
}

TEST_F(RouteTest, RetryPolicy) {
  const Route route = one_route(R"(
match: {prefix: /}
route:
  cluster: a
  retry_policy:
    retry_on: "5xx,reset, made-up"
    num_retries: 3
    per_try_timeout: 1.5s
    retry_back_off: {base_interval: 0.1s}
    retry_host_predicate:
    - name: envoy.retry_host_predicates.previous_hosts
      typed_config: {"@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate}
)");
  EXPECT_EQ(errors(), "");
  EXPECT_NE(warnings().find("route.retry_policy.retry_on: 'made-up'"), std::string::npos);
  const RetryPolicy& retry = *route.forward.retry;
  EXPECT_EQ(retry.retry_on, kRetryOn5xx | kRetryOnReset);
  EXPECT_EQ(retry.num_retries, 3u);
  EXPECT_EQ(retry.per_try_timeout, Milliseconds(1500));
  EXPECT_EQ(retry.back_off_base, Milliseconds(100));
  EXPECT_EQ(retry.back_off_max, Milliseconds(1000));
  EXPECT_TRUE(retry.avoid_previous_hosts);
}

TEST_F(RouteTest, RedirectAndDirectResponse) {
  const Route redirect = one_route(
      "{match: {path: /old}, redirect: {https_redirect: true, path_redirect: /new, response_code: "
      "PERMANENT_REDIRECT}}");
  EXPECT_EQ(redirect.action, Route::Action::kRedirect);
  EXPECT_TRUE(redirect.redirect->https);
  EXPECT_EQ(redirect.redirect->status, 308);
  EXPECT_EQ(redirect.redirect->path.kind, PathRewrite::Kind::kWhole);
  const Route direct =
      one_route("{match: {prefix: /}, direct_response: {status: 418, body: {inline_string: tea}}}");
  EXPECT_EQ(direct.direct->status, 418);
  EXPECT_EQ(direct.direct->body, "tea");
  EXPECT_EQ(errors(), "");
}

TEST_F(RouteTest, BodyOfADirectResponseIsBounded) {
  one_route("{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: " +
            std::string(5000, 'x') + "}}}");
  EXPECT_NE(errors().find("direct_response.body: has 5000 bytes"), std::string::npos) << errors();
}

TEST_F(RouteTest, TreesHoldTheirRoutes) {
  const auto table = translate(R"(
name: r
virtual_hosts:
- name: all
  domains: ["*"]
  matcher:
    matcher_tree:
      input: {name: i, typed_config: {"@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: X-User}}
      exact_match_map:
        map:
          b: {action: {name: r, typed_config: {"@type": type.googleapis.com/envoy.config.route.v3.Route, match: {prefix: /b}, route: {cluster: b}}}}
          a:
            action:
              name: r
              typed_config:
                "@type": type.googleapis.com/envoy.config.route.v3.RouteList
                routes: [{match: {prefix: /}, route: {cluster: a}}, {match: {prefix: /never}, route: {cluster: a}}]
)");
  ASSERT_NE(table, nullptr) << errors();
  const VirtualHost& host = table->config().virtual_hosts[0];
  ASSERT_EQ(host.routes.size(), 3u);
  ASSERT_EQ(host.groups.size(), 2u);
  EXPECT_EQ(host.groups[0].place, "matcher.matcher_tree.exact_match_map.map[\"a\"].action.typed_config");
  EXPECT_EQ(host.groups[1].first, 2u);
  EXPECT_EQ(host.tree->input.name, "x-user");
  EXPECT_NE(warnings().find("map[\"a\"].action.typed_config.routes[1]: can never match"), std::string::npos)
      << warnings();
}

TEST_F(RouteTest, TreesAreBounded) {
  std::string inner =
      "{on_no_match: {action: {name: r, typed_config: {\"@type\": "
      "type.googleapis.com/envoy.config.route.v3.Route, match: {prefix: /}, route: {cluster: b}}}}}";
  for (int i = 0; i < 33; ++i) inner = "{on_no_match: {matcher: " + inner + "}}";
  translate("{name: r, virtual_hosts: [{name: all, domains: [\"*\"], matcher: " + inner + "}]}");
  EXPECT_NE(errors().find(".on_no_match.matcher: is deeper than 32"), std::string::npos) << errors();
}

TEST_F(RouteTest, EveryErrorOfATableHasItsPath) {
  const auto table = translate(R"(
name: r
virtual_hosts:
- name: all
  domains: ["*"]
  request_headers_to_add: [{header: {key: Host, value: x}}]
  routes:
  - match: {safe_regex: {regex: "["}}
    route: {cluster: a, host_rewrite_literal: "x"}
  - match: {prefix: /, filter_state: [{key: k, address_match: {}}]}
    route: {cluster: a, retry_policy_typed_config: {}}
    request_headers_to_remove: [":path"]
  - match: {prefix: /}
    route: {cluster: a, retry_policy: {retry_priority: {name: x}}}
    typed_per_filter_config: {f: {"@type": type.googleapis.com/google.protobuf.Struct, value: {}}}
)");
  EXPECT_EQ(table, nullptr);
  const std::string text = errors();
  for (const char* expected :
       {"virtual_hosts[0].request_headers_to_add[0].header.key: 'host' cannot be changed",
        "virtual_hosts[0].routes[0].match.safe_regex.regex: ",
        "virtual_hosts[0].routes[1].match.filter_state[0].address_match: is not implemented by this build",
        "virtual_hosts[0].routes[1].route.retry_policy_typed_config: is not implemented by this build",
        "virtual_hosts[0].routes[1].request_headers_to_remove[0]: ':path' cannot be removed",
        "virtual_hosts[0].routes[2].route.retry_policy.retry_priority: the retry priority 'x' is not "
        "implemented by "
        "this build",
        "virtual_hosts[0].routes[2].typed_per_filter_config[\"f\"]: the per-route configuration of the HTTP "
        "filter 'f', of type google.protobuf.Struct, is not implemented by this build"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
  }
}

TEST_F(RouteTest, DuplicateDomainsAreRefused) {
  EXPECT_EQ(translate(R"(
name: r
virtual_hosts:
- {name: a, domains: [x.com], routes: []}
- {name: b, domains: [X.com], routes: []}
)"),
            nullptr);
  EXPECT_NE(errors().find("x.com"), std::string::npos) << errors();
}

TEST_F(RouteTest, ValidationRulesOfTheProtosHold) {
  translate(R"(
name: r
virtual_hosts:
- name: ""
  domains: []
  routes:
  - match: {}
    direct_response: {status: 99}
)");
  const std::string text = errors();
  for (const char* expected :
       {"virtual_hosts[0].name: is required", "virtual_hosts[0].domains: must not be empty",
        "virtual_hosts[0].routes[0].match: one of prefix, path,",
        "virtual_hosts[0].routes[0].direct_response.status: must be at least 200"}) {
    EXPECT_NE(text.find(expected), std::string::npos) << expected << "\nin\n" << text;
  }
}

TEST_F(RouteTest, ClustersThatAreNotThereAreNamed) {
  environment_.has_cluster = [](const std::string& name) { return name == "there"; };
  Context context(environment_, report_);
  const auto config = from_yaml<envoy::config::route::v3::RouteConfiguration>(R"(
name: r
virtual_hosts:
- name: all
  domains: ["*"]
  routes:
  - match: {prefix: /a}
    route: {cluster: there, request_mirror_policies: [{cluster: gone}]}
  - match: {prefix: /}
    route: {weighted_clusters: {clusters: [{name: there, weight: 1}, {name: absent, weight: 1}]}}
)");
  EXPECT_NE(translate_routes(config, "", false, context), nullptr);
  EXPECT_EQ(translate_routes(config, "", true, context), nullptr);
  EXPECT_EQ(errors(),
            "virtual_hosts[0].routes[0].route.request_mirror_policies[0]: there is no cluster 'gone'\n"
            "virtual_hosts[0].routes[1].route.weighted_clusters.clusters[1]: there is no cluster 'absent'\n");
}

TEST_F(RouteTest, TheOlderHeaderMatchersAreRead) {
  const Route route = one_route(R"(
match:
  prefix: /
  headers:
  - {name: X-A, exact_match: one}
  - {name: x-b, range_match: {start: 1, end: 5}}
  - {name: x-c, present_match: false}
  - {name: x-d, string_match: {prefix: AbC, ignore_case: true}, invert_match: true}
route: {cluster: a}
)");
  EXPECT_EQ(errors(), "");
  const auto& headers = route.match.headers;
  EXPECT_EQ(headers[0].name, "x-a");
  EXPECT_EQ(headers[0].string.value, "one");
  EXPECT_EQ(headers[1].kind, HeaderMatcher::Kind::kRange);
  EXPECT_FALSE(headers[2].present);
  EXPECT_EQ(headers[3].string.value, "abc");
  EXPECT_TRUE(headers[3].invert);
}

}  // namespace
}  // namespace remora::xds
