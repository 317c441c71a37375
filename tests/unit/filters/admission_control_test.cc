#include "admission_control/admission_control.h"

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/admission_control/v3/admission_control.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"
#include "unit/support/hand_clock.h"

namespace remora {
namespace {

using filters::AdmissionControlConfig;
using filters::rejection_probability;
using Message = envoy::extensions::filters::http::admission_control::v3::AdmissionControl;
constexpr const char* kType =
    "type.googleapis.com/envoy.extensions.filters.http.admission_control.v3.AdmissionControl";

TEST(RejectionProbability, GrowsWithWhatIsMissing) {
  const AdmissionControlConfig config;
  EXPECT_EQ(rejection_probability({.requests = 0, .successes = 0}, config), 0);
  EXPECT_EQ(rejection_probability({.requests = 100, .successes = 95}, config), 0);
  EXPECT_EQ(rejection_probability({.requests = 100, .successes = 100}, config), 0);
  EXPECT_NEAR(rejection_probability({.requests = 99, .successes = 38}, config), 0.59, 1e-9);
  EXPECT_EQ(rejection_probability({.requests = 100, .successes = 0}, config), 0.8);
}

TEST(RejectionProbability, IsARootOfItForAggression) {
  AdmissionControlConfig config;
  config.aggression = 2;
  config.success_threshold = 0.5;
  config.max_rejection_probability = 1;
  EXPECT_NEAR(rejection_probability({.requests = 99, .successes = 37}, config), 0.5, 1e-9);
  EXPECT_EQ(rejection_probability({.requests = 99, .successes = 60}, config), 0);
}

struct AdmissionControl : FilterTest {
  AdmissionControl() { exchange.time = &clock; }
  void make(const Message& message) {
    factory = make_filter("f", kType, message.SerializeAsString(), false, context, "typed_config", report);
    if (!factory) return;
    filter = factory->create();
    scope = stats.scopes().front();
  }
  /// All fields at their defaults.
  static Message plain() {
    Message message;
    message.mutable_success_criteria();
    return message;
  }
  Verdict ask() { return filter->on_request_head(exchange, exchange.request, true); }
  void answer(uint16_t status) {
    exchange.response.clear();
    exchange.response.add(HeaderId::kStatus, status);
    EXPECT_EQ(filter->on_response_head(exchange, exchange.response, false).kind(), Verdict::Kind::kContinue);
  }
  /// One request that is let in, or turned away.
  bool serve(uint16_t status) {
    const bool admitted = ask().kind() == Verdict::Kind::kContinue;
    answer(admitted ? status : 503);
    filter->on_complete(exchange);
    return admitted;
  }
  uint64_t count(filters::AdmissionStat stat) { return scope->value(stat); }
  std::string error() { return report.findings().empty() ? "" : report.findings().front().path; }

  test::HandClock clock;
  std::shared_ptr<StatScope> scope;
};

TEST_F(AdmissionControl, TurnsAwayAsManyAsItsFormulaSays) {
  make(plain());
  int admitted = 0;
  while (admitted < 99) admitted += serve(admitted < 40 ? 200 : 503) ? 1 : 0;
  // (99 - 40 / 0.95) / 100 = 0.569 of those that follow; they are not recorded as long as they do not end.
  int rejected = 0;
  for (int i = 0; i < 4000; ++i) {
    if (ask().kind() == Verdict::Kind::kReply) ++rejected;
    filter->on_complete(exchange);
  }
  EXPECT_NEAR(rejected, 4000 * 0.569, 130);
}

TEST_F(AdmissionControl, AnswersWith503) {
  auto message = plain();
  message.mutable_max_rejection_probability()->mutable_default_value()->set_value(100);
  message.mutable_aggression()->set_default_value(1000);
  make(message);
  for (int i = 0; i < 20; ++i) serve(500);
  auto verdict = ask();
  ASSERT_EQ(verdict.kind(), Verdict::Kind::kReply);
  const LocalReply reply = verdict.take_reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(reply.details, "denied_by_admission_control");
  EXPECT_EQ(reply.flag, ResponseFlag::kNone);
}

TEST_F(AdmissionControl, DoesNotRecordWhatItTurnedAway) {
  make(plain());
  for (int i = 0; i < 300; ++i) serve(500);
  EXPECT_GT(count(filters::kAdmissionRejected), 0u);
  EXPECT_EQ(count(filters::kAdmissionRejected) + count(filters::kAdmissionFailure), 300u);
  EXPECT_EQ(count(filters::kAdmissionSuccess), 0u);
  clock.advance(std::chrono::seconds(30));
  EXPECT_TRUE(serve(200));
  EXPECT_EQ(count(filters::kAdmissionSuccess), 1u);
}

TEST_F(AdmissionControl, WorkersKnowOnlyTheirOwn) {
  make(plain());
  for (int i = 0; i < 300; ++i) serve(500);
  filter = factory->create();
  EXPECT_TRUE(serve(500));
}

TEST_F(AdmissionControl, LetsAllInBelowTheRate) {
  auto message = plain();
  message.mutable_rps_threshold()->set_default_value(100);
  make(message);
  for (int i = 0; i < 99; ++i) EXPECT_TRUE(serve(500));
  int rejected = 0;
  for (int i = 0; i < 100; ++i) rejected += serve(500) ? 0 : 1;
  EXPECT_GT(rejected, 40);
}

TEST_F(AdmissionControl, IsOutOfTheWayWhenItIsOffAndForHealthChecks) {
  auto message = plain();
  runtime["ac.enabled"] = "false";
  message.mutable_enabled()->mutable_default_value()->set_value(true);
  message.mutable_enabled()->set_runtime_key("ac.enabled");
  make(message);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(serve(500));
  EXPECT_EQ(count(filters::kAdmissionFailure), 0u);

  message.clear_enabled();
  make(message);
  exchange.info_.health_check = true;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(serve(500));
  EXPECT_EQ(count(filters::kAdmissionFailure), 0u);
}

TEST_F(AdmissionControl, JudgesHttpByItsRanges) {
  auto message = plain();
  auto* range = message.mutable_success_criteria()->mutable_http_criteria()->add_http_success_status();
  range->set_start(200);
  range->set_end(300);
  make(message);
  for (const uint16_t status : {200, 299}) serve(status);
  EXPECT_EQ(count(filters::kAdmissionSuccess), 2u);
  filter = factory->create();
  serve(300);
  filter = factory->create();
  serve(199);
  EXPECT_EQ(count(filters::kAdmissionFailure), 2u);
}

struct GrpcAnswer {
  const char* name;
  const char* in_head;      // null: none
  const char* in_trailers;  // null: none
  bool ends;
  int recorded;  // 1: a success, 0: a failure, -1: nothing
};

struct OfGrpc : AdmissionControl, ::testing::WithParamInterface<GrpcAnswer> {};

TEST_P(OfGrpc, IsJudgedByItsStatus) {
  const GrpcAnswer& given = GetParam();
  make(plain());
  ASSERT_EQ(ask().kind(), Verdict::Kind::kContinue);
  exchange.response.add(HeaderId::kStatus, 200);
  exchange.response.add(HeaderId::kContentType, "application/grpc");
  if (given.in_head != nullptr) exchange.response.add(HeaderId::kGrpcStatus, given.in_head);
  EXPECT_EQ(filter->on_response_head(exchange, exchange.response, given.ends).kind(),
            Verdict::Kind::kContinue);
  if (given.in_trailers != nullptr) {
    HeaderMap trailers;
    trailers.add(HeaderId::kGrpcStatus, given.in_trailers);
    filter->on_response_trailers(exchange, trailers);
  }
  filter->on_complete(exchange);
  EXPECT_EQ(count(filters::kAdmissionSuccess), given.recorded == 1 ? 1u : 0u);
  EXPECT_EQ(count(filters::kAdmissionFailure), given.recorded == 0 ? 1u : 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, OfGrpc,
    ::testing::Values(
        GrpcAnswer{"ok", nullptr, "0", false, 1}, GrpcAnswer{"not_found", nullptr, "5", false, 1},
        GrpcAnswer{"permission_denied", nullptr, "7", false, 1},
        GrpcAnswer{"deadline", nullptr, "4", false, 0}, GrpcAnswer{"unavailable", nullptr, "14", false, 0},
        GrpcAnswer{"no_number", nullptr, "x", false, 0}, GrpcAnswer{"too_large", nullptr, "17", false, 0},
        GrpcAnswer{"head_ok", "0", nullptr, true, 1}, GrpcAnswer{"head_unavailable", "14", nullptr, true, 0},
        GrpcAnswer{"early_status", "8", "0", false, 0}, GrpcAnswer{"broken_off", nullptr, nullptr, false, -1},
        GrpcAnswer{"head_without_status", nullptr, nullptr, true, 1}),  // then it is HTTP's 200
    [](const auto& given) { return given.param.name; });

TEST_F(AdmissionControl, TakesItsNumbersFromTheRuntime) {
  runtime = {{"sr", "50"}, {"most", "40"}, {"rps", "7"}, {"aggression", "3"}};
  auto message = plain();
  message.mutable_sr_threshold()->mutable_default_value()->set_value(95);
  message.mutable_sr_threshold()->set_runtime_key("sr");
  message.mutable_max_rejection_probability()->set_runtime_key("most");
  message.mutable_rps_threshold()->set_runtime_key("rps");
  message.mutable_aggression()->set_runtime_key("aggression");
  make(message);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(serve(200));
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(serve(500)) << "half of them are enough";
  for (int i = 0; i < 300; ++i) serve(500);
  int rejected = 0;
  for (int i = 0; i < 1000; ++i) {
    rejected += ask().kind() == Verdict::Kind::kReply ? 1 : 0;
    filter->on_complete(exchange);
  }
  EXPECT_NEAR(rejected, 400, 60);
}

TEST_F(AdmissionControl, RefusesWhatIsNoStatusAndAThresholdOfNothing) {
  auto message = plain();
  auto* range = message.mutable_success_criteria()->mutable_http_criteria()->add_http_success_status();
  range->set_start(600);
  range->set_end(600);
  make(message);
  EXPECT_EQ(error(), "typed_config.success_criteria.http_criteria.http_success_status[0]");

  report = ConfigReport();
  message = plain();
  message.mutable_success_criteria()->mutable_grpc_criteria()->add_grpc_success_status(16);
  message.mutable_success_criteria()->mutable_grpc_criteria()->add_grpc_success_status(17);
  make(message);
  EXPECT_EQ(error(), "typed_config.success_criteria.grpc_criteria.grpc_success_status[1]");

  report = ConfigReport();
  message = plain();
  message.mutable_sr_threshold()->set_runtime_key("key");
  make(message);
  EXPECT_EQ(error(), "typed_config.sr_threshold.default_value");
  EXPECT_EQ(factory, nullptr);
}

TEST_F(AdmissionControl, AllocatesNothingForARequestThatGoesOn) {
  make(plain());
  for (int i = 0; i < 40; ++i) {
    serve(200);
    clock.advance(std::chrono::seconds(1));
  }
  const size_t before = test::allocations();
  for (int i = 0; i < 40; ++i) {
    serve(200);
    clock.advance(std::chrono::seconds(1));
  }
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
