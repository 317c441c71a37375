#include "cors/cors.h"

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/cors/v3/cors.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Policy = envoy::extensions::filters::http::cors::v3::CorsPolicy;

struct Cors : FilterTest {
  Cors() {
    factory = make_filter("cors", "type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors", "", false,
                          context, "http_filters[0].typed_config", report);
    filter = factory->create();
    exchange.info_.route = &route;
    exchange.request.add(HeaderId::kOrigin, "https://a.com");
  }

  std::shared_ptr<const RouteFilterConfig> make(const Policy& policy) {
    return make_route_filter_config(
        "cors", "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        policy.SerializeAsString(), false, context, "typed_per_filter_config[\"cors\"]", report);
  }
  /// The places that say something, most specific first.
  void set(std::initializer_list<Policy> policies) {
    for (const Policy& policy : policies) kept.push_back(make(policy));
    for (const auto& policy : kept) configs.push_back(policy.get());
    exchange.enter(configs);
  }
  Verdict ask() { return filter->on_request_head(exchange, exchange.request, true); }
  void shown(HeaderMap& head, bool end) {
    EXPECT_EQ(filter->on_response_head(exchange, head, end).kind(), Verdict::Kind::kContinue);
  }
  /// A field of the response's head as the filter leaves it.
  std::string answered(std::string_view name) {
    shown(exchange.response, false);
    return std::string(exchange.response.get(name).value_or("-"));
  }
  void preflight() {
    exchange.request.set(HeaderId::kMethod, "OPTIONS");
    exchange.request.add("access-control-request-method", "PUT");
    exchange.request.add("access-control-request-headers", "x-a,x-b");
  }
  /// The answer to a preflight request, from what the filter decided and what it then adds to every answer.
  HeaderMap reply(Verdict verdict) {
    HeaderMap head;
    if (verdict.kind() != Verdict::Kind::kReply) return head;
    const LocalReply answer = verdict.take_reply();
    EXPECT_EQ(answer.details, "cors_response");
    head.add(HeaderId::kStatus, uint64_t{answer.status});
    answer.edit_head(head);
    shown(head, true);
    return head;
  }
  std::string counts() {
    const auto scope = stats.scopes().front();
    return scope->name().prefix + " " + std::to_string(scope->value(filters::kOriginValid)) + "/" +
           std::to_string(scope->value(filters::kOriginInvalid));
  }

  std::vector<std::shared_ptr<const RouteFilterConfig>> kept;
  std::vector<const RouteFilterConfig*> configs;
  Route route;
};

Policy allowing(const char* origin) {
  Policy policy;
  policy.add_allow_origin_string_match()->set_exact(origin);
  return policy;
}

TEST_F(Cors, DoesNothingWithoutAPolicy) {
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(answered("access-control-allow-origin"), "-");
  EXPECT_EQ(counts(), "http.in.cors. 0/0");
}

TEST_F(Cors, NamesAnAllowedOriginInTheAnswer) {
  auto policy = allowing("https://a.com");
  policy.set_expose_headers("x-seen");
  policy.mutable_allow_credentials()->set_value(true);
  set({policy});
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(answered("access-control-allow-origin"), "https://a.com");
  EXPECT_EQ(answered("access-control-allow-credentials"), "true");
  EXPECT_EQ(answered("access-control-expose-headers"), "x-seen");
  EXPECT_EQ(counts(), "http.in.cors. 1/0");
}

TEST_F(Cors, LeavesTheAnswerToAStrangerAlone) {
  set({allowing("https://b.com")});
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(answered("access-control-allow-origin"), "-");
  EXPECT_EQ(counts(), "http.in.cors. 0/1");
}

TEST_F(Cors, TakesEveryOriginWhereTheOriginStarIsAllowed) {
  set({allowing("*")});
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(answered("access-control-allow-origin"), "https://a.com");
}

TEST_F(Cors, AnswersPreflights) {
  auto policy = allowing("https://a.com");
  policy.set_allow_methods("GET,PUT");
  policy.set_allow_headers("*");
  policy.set_max_age("600");
  policy.mutable_allow_private_network_access()->set_value(true);
  set({policy});
  preflight();
  exchange.request.add("access-control-request-private-network", "true");
  const HeaderMap head = reply(ask());
  EXPECT_EQ(head.status(), 200);
  EXPECT_EQ(head.get("access-control-allow-origin"), "https://a.com");
  EXPECT_EQ(head.get("access-control-allow-methods"), "GET,PUT");
  EXPECT_EQ(head.get("access-control-allow-headers"), "x-a,x-b");
  EXPECT_EQ(head.get("access-control-max-age"), "600");
  EXPECT_EQ(head.get("access-control-allow-private-network"), "true");
  EXPECT_FALSE(head.get("access-control-allow-credentials").has_value());
}

TEST_F(Cors, ForwardsAStrangersPreflightUnlessToldOtherwise) {
  auto policy = allowing("https://b.com");
  set({policy});
  preflight();
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);

  policy.mutable_forward_not_matching_preflights()->set_value(false);
  kept.clear();
  configs.clear();
  set({policy});
  const HeaderMap head = reply(ask());
  EXPECT_EQ(head.status(), 200);
  EXPECT_FALSE(head.get("access-control-allow-origin").has_value());
}

TEST_F(Cors, TakesEachValueFromTheMostSpecificPlaceThatHasIt) {
  Policy of_route;
  of_route.set_allow_methods("PUT");
  auto of_host = allowing("https://a.com");
  of_host.set_allow_methods("GET");
  of_host.set_max_age("5");
  of_host.mutable_allow_credentials()->set_value(true);
  of_route.mutable_allow_credentials()->set_value(false);
  set({of_route, of_host});
  preflight();
  const HeaderMap head = reply(ask());
  EXPECT_EQ(head.get("access-control-allow-origin"), "https://a.com");
  EXPECT_EQ(head.get("access-control-allow-methods"), "PUT");
  EXPECT_EQ(head.get("access-control-max-age"), "5");
  EXPECT_FALSE(head.get("access-control-allow-credentials").has_value());
}

TEST_F(Cors, OnlyCountsInTheShadow) {
  runtime["cors.on"] = "0";
  auto policy = allowing("https://a.com");
  policy.mutable_filter_enabled()->set_runtime_key("cors.on");
  policy.mutable_filter_enabled()->mutable_default_value()->set_numerator(100);
  policy.mutable_shadow_enabled()->mutable_default_value()->set_numerator(100);
  set({policy});
  preflight();
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(answered("access-control-allow-origin"), "-");
  EXPECT_EQ(counts(), "http.in.cors. 1/0");
}

TEST_F(Cors, HasNothingToDoWithAnswersOfTheProxyItself) {
  set({allowing("*")});
  route.action = Route::Action::kDirectResponse;
  preflight();
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(counts(), "http.in.cors. 0/0");
}

TEST_F(Cors, RefusesAnExpressionThatIsNone) {
  Policy policy;
  policy.add_allow_origin_string_match()->mutable_safe_regex()->set_regex("(");
  EXPECT_EQ(make(policy), nullptr);
  EXPECT_TRUE(report.error_text().starts_with(
      "typed_per_filter_config[\"cors\"].allow_origin_string_match[0].safe_regex.regex: "))
      << report.error_text();
}

TEST_F(Cors, AllocatesNothingInSteadyState) {
  set({allowing("https://a.com")});
  const auto run = [this] {
    EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
    shown(exchange.response, false);
    filter->on_complete(exchange);
  };
  for (int i = 0; i < 3; ++i) run();
  exchange.response.clear();
  run();
  const size_t before = test::allocations();
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  shown(exchange.response, false);
  filter->on_complete(exchange);
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
