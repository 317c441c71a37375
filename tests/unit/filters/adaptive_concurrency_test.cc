#include "adaptive_concurrency/adaptive_concurrency.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"
#include "unit/support/hand_clock.h"

namespace remora {
namespace {

using Message = envoy::extensions::filters::http::adaptive_concurrency::v3::AdaptiveConcurrency;
constexpr const char* kType =
    "type.googleapis.com/envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency";
constexpr const char* kGradient2 = "type.googleapis.com/remora.http_filters.v1.Gradient2";

struct AdaptiveConcurrency : FilterTest {
  AdaptiveConcurrency() { exchange.time = &clock; }

  void make(const Message& message) {
    take(make_filter("f", kType, message.SerializeAsString(), false, context, "typed_config", report));
  }
  void make_gradient2(const std::string& json, bool is_struct = true) {
    google::protobuf::Struct fields;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &fields).ok());
    take(
        make_filter("f", kGradient2, fields.SerializeAsString(), is_struct, context, "typed_config", report));
  }
  void take(std::shared_ptr<const FilterFactory> made) {
    factory = std::move(made);
    if (!factory) return;
    filter = factory->create();
    filter->start(exchange);
    scope = stats.scopes().front();
  }
  static Message plain() {
    Message message;
    auto& gradient = *message.mutable_gradient_controller_config();
    gradient.mutable_concurrency_limit_params()->mutable_concurrency_update_interval()->set_nanos(
        100'000'000);
    gradient.mutable_min_rtt_calc_params()->mutable_interval()->set_seconds(60);
    gradient.mutable_min_rtt_calc_params()->mutable_request_count()->set_value(2);
    return message;
  }
  Verdict::Kind ask(FakeExchange& of) {
    of.time = &clock;
    return filter->on_request_head(of, of.request, true).kind();
  }
  void answer(FakeExchange& of) {
    EXPECT_EQ(filter->on_response_head(of, of.response, false).kind(), Verdict::Kind::kContinue);
    filter->on_response_body(of, "x", false);
    filter->on_response_body(of, "", true);
  }
  void serve(Milliseconds took) {
    ASSERT_EQ(ask(exchange), Verdict::Kind::kContinue);
    clock.advance(took);
    answer(exchange);
    filter->on_complete(exchange);
  }
  /// The worker's timer, when its time has come.
  void tick() {
    clock.advance(exchange.worker_delay);
    const auto call = exchange.worker_call;
    call();
  }
  uint64_t value(filters::ConcurrencyStat stat) { return scope->value(stat); }
  std::string error() { return report.findings().empty() ? "" : report.findings().front().path; }

  test::HandClock clock;
  std::shared_ptr<StatScope> scope;
};

TEST_F(AdaptiveConcurrency, BlocksWhatIsBeyondTheLimit) {
  make(plain());
  EXPECT_EQ(value(filters::kConcurrencyLimit), 3u);
  EXPECT_EQ(value(filters::kMinRttCalculationActive), 1u);
  FakeExchange others[3];
  for (auto& other : others) EXPECT_EQ(ask(other), Verdict::Kind::kContinue);
  auto verdict = filter->on_request_head(exchange, exchange.request, true);
  ASSERT_EQ(verdict.kind(), Verdict::Kind::kReply);
  const LocalReply reply = verdict.take_reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "reached concurrency limit");
  EXPECT_EQ(reply.details, "reached_concurrency_limit");
  EXPECT_EQ(value(filters::kRqBlocked), 1u);
  filter->on_complete(exchange);
  EXPECT_EQ(ask(exchange), Verdict::Kind::kReply) << "the blocked one had no place to give back";
  filter->on_complete(exchange);
  answer(others[0]);
  EXPECT_EQ(ask(exchange), Verdict::Kind::kContinue) << "a place is free once the answer is through";
  filter->on_complete(others[1]);  // without an answer
  filter->on_complete(others[0]);
  EXPECT_EQ(ask(others[0]), Verdict::Kind::kContinue);
  EXPECT_EQ(ask(others[1]), Verdict::Kind::kReply);
  for (auto* left : {&others[0], &others[2], &exchange}) filter->on_complete(*left);
}

TEST_F(AdaptiveConcurrency, MeasuresAndThenFollowsWhatItSees) {
  make(plain());
  serve(Milliseconds(10));
  serve(Milliseconds(10));
  tick();
  EXPECT_EQ(value(filters::kMinRttCalculationActive), 0u);
  EXPECT_EQ(value(filters::kMinRttMsecs), 10u);
  serve(Milliseconds(20));
  tick();
  tick();
  EXPECT_EQ(value(filters::kSampleRttMsecs), 20u);
  EXPECT_EQ(value(filters::kConcurrencyLimit), 3u);  // 3 * 0.625 + root of that: 3.2
  EXPECT_NEAR(static_cast<double>(value(filters::kGradient)), 625, 40);
}

TEST_F(AdaptiveConcurrency, TrailersAndHeadsEndAnAnswerToo) {
  make(plain());
  HeaderMap trailers;
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(ask(exchange), Verdict::Kind::kContinue);
    if (i % 2 == 0) {
      (void)filter->on_response_head(exchange, exchange.response, true);
    } else {
      filter->on_response_trailers(exchange, trailers);
    }
    filter->on_complete(exchange);
  }
}

TEST_F(AdaptiveConcurrency, ItsOwnStatusIsAnError) {
  auto message = plain();
  message.mutable_concurrency_limit_exceeded_status()->set_code(envoy::type::v3::StatusCode::TooManyRequests);
  message.mutable_gradient_controller_config()
      ->mutable_min_rtt_calc_params()
      ->mutable_min_concurrency()
      ->set_value(1);
  make(message);
  FakeExchange other;
  EXPECT_EQ(ask(other), Verdict::Kind::kContinue);
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).take_reply().status, 429);
  filter->on_complete(other);
  message.mutable_concurrency_limit_exceeded_status()->set_code(envoy::type::v3::StatusCode::OK);
  make(message);
  EXPECT_EQ(ask(other), Verdict::Kind::kContinue);
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).take_reply().status, 503);
  filter->on_complete(other);
}

TEST_F(AdaptiveConcurrency, IsOutOfTheWayWhenItIsOffAndForHealthChecks) {
  auto message = plain();
  message.mutable_enabled()->mutable_default_value()->set_value(false);
  make(message);
  EXPECT_FALSE(exchange.worker_call);
  FakeExchange others[5];
  for (auto& other : others) EXPECT_EQ(ask(other), Verdict::Kind::kContinue);
  message.clear_enabled();
  make(message);
  for (auto& other : others) {
    other.info_.health_check = true;
    EXPECT_EQ(ask(other), Verdict::Kind::kContinue);
  }
}

TEST_F(AdaptiveConcurrency, TheRuntimeGoesFirst) {
  const std::string start = "adaptive_concurrency.gradient_controller.";
  runtime = {{start + "min_concurrency", "1"},
             {start + "min_rtt_aggregate_request_count", "1"},
             {start + "min_rtt_buffer", "100"},
             {start + "sample_rtt_calc_interval_ms", "20"}};
  make(plain());
  EXPECT_EQ(exchange.worker_delay, Milliseconds(20));
  EXPECT_EQ(value(filters::kConcurrencyLimit), 1u);
  serve(Milliseconds(10));
  tick();
  serve(Milliseconds(20));
  tick();
  EXPECT_NEAR(static_cast<double>(value(filters::kGradient)), 1000, 60);
}

TEST_F(AdaptiveConcurrency, WithoutTheFilterNothingTicksAndNothingIsShown) {
  make(plain());
  exchange.worker_delay = Milliseconds(0);
  const auto call = std::exchange(exchange.worker_call, nullptr);
  filter.reset();
  factory.reset();
  call();
  EXPECT_FALSE(exchange.worker_call);
  EXPECT_EQ(value(filters::kConcurrencyLimit), 0u);
}

TEST_F(AdaptiveConcurrency, NeedsAMinimumOrAWayToIt) {
  auto message = plain();
  message.mutable_gradient_controller_config()->mutable_min_rtt_calc_params()->clear_interval();
  make(message);
  EXPECT_EQ(error(), "typed_config.gradient_controller_config.min_rtt_calc_params");
  EXPECT_EQ(factory, nullptr);
}

TEST_F(AdaptiveConcurrency, Gradient2StandsInItsPlace) {
  make_gradient2(
      R"({"initial_limit": 2, "min_limit": 1, "exceeded_status": 429, "update_interval": "0.05s"})");
  ASSERT_NE(filter, nullptr) << error();
  EXPECT_EQ(value(filters::kConcurrencyLimit), 2u);
  EXPECT_EQ(exchange.worker_delay, Milliseconds(50));
  FakeExchange others[2];
  for (auto& other : others) EXPECT_EQ(ask(other), Verdict::Kind::kContinue);
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).take_reply().status, 429);
  for (auto& other : others) {
    clock.advance(Milliseconds(5));
    answer(other);
    filter->on_complete(other);
  }
  tick();
  EXPECT_EQ(value(filters::kSampleRttMsecs), 5u);
}

struct Bad {
  const char* name;
  const char* json;
  const char* path;
};
struct Gradient2Refuses : AdaptiveConcurrency, ::testing::WithParamInterface<Bad> {};

TEST_P(Gradient2Refuses, ByPath) {
  make_gradient2(GetParam().json);
  EXPECT_EQ(factory, nullptr);
  EXPECT_EQ(error(), std::string("typed_config.value.") + GetParam().path);
}

INSTANTIATE_TEST_SUITE_P(All, Gradient2Refuses,
                         ::testing::Values(Bad{"unknown", R"({"window": 3})", "window"},
                                           Bad{"fraction", R"({"max_limit": 10.5})", "max_limit"},
                                           Bad{"below_minimum", R"({"min_limit": 5, "max_limit": 4})",
                                               "max_limit"},
                                           Bad{"start_outside", R"({"initial_limit": 2})", "initial_limit"},
                                           Bad{"no_time", R"({"update_interval": "0s"})", "update_interval"},
                                           Bad{"no_unit", R"({"long_decay": "10"})", "long_decay"},
                                           Bad{"time_as_number", R"({"short_decay": 1})", "short_decay"},
                                           Bad{"tolerance", R"({"tolerance": 0.5})", "tolerance"},
                                           Bad{"status", R"({"exceeded_status": 200})", "exceeded_status"}),
                         [](const auto& given) { return given.param.name; });

TEST_F(AdaptiveConcurrency, Gradient2IsGivenAsAStruct) {
  make_gradient2("{}", false);
  EXPECT_EQ(factory, nullptr);
  EXPECT_EQ(error(), "typed_config");
}

TEST_F(AdaptiveConcurrency, AllocatesNothingForARequestThatGoesOn) {
  make(plain());
  for (int i = 0; i < 5; ++i) serve(Milliseconds(1));
  const size_t before = test::allocations();
  for (int i = 0; i < 5; ++i) serve(Milliseconds(1));
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
