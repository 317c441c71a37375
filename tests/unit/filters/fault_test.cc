#include "fault/fault.h"

#include <gtest/gtest.h>

#include "envoy/extensions/filters/http/fault/v3/fault.pb.h"
#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

using Message = envoy::extensions::filters::http::fault::v3::HTTPFault;
constexpr const char* kType = "type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault";

struct Fault : FilterTest {
  void make(const Message& message) {
    factory = make_filter("f", kType, message.SerializeAsString(), false, context, "typed_config", report);
    if (factory) filter = factory->create();
  }
  Verdict ask() { return filter->on_request_head(exchange, exchange.request, true); }
  uint64_t count(filters::FaultStat stat) { return stats.scopes().front()->value(stat); }
};

Message aborting(uint32_t status, uint32_t percent = 100) {
  Message message;
  message.mutable_abort()->set_http_status(status);
  message.mutable_abort()->mutable_percentage()->set_numerator(percent);
  return message;
}

Message delaying(int64_t seconds) {
  Message message;
  message.mutable_delay()->mutable_fixed_delay()->set_seconds(seconds);
  message.mutable_delay()->mutable_percentage()->set_numerator(100);
  return message;
}

TEST_F(Fault, Aborts) {
  make(aborting(418));
  auto verdict = ask();
  ASSERT_EQ(verdict.kind(), Verdict::Kind::kReply);
  const LocalReply reply = verdict.take_reply();
  EXPECT_EQ(reply.status, 418);
  EXPECT_EQ(reply.body, "fault filter abort");
  EXPECT_EQ(reply.details, "fault_filter_abort");
  EXPECT_EQ(reply.flag, ResponseFlag::kFaultInjected);
  EXPECT_EQ(count(filters::kAbortsInjected), 1u);
  EXPECT_EQ(count(filters::kActiveFaults), 1u);
  filter->on_complete(exchange);
  EXPECT_EQ(count(filters::kActiveFaults), 0u);
}

TEST_F(Fault, DelaysAndThenAborts) {
  Message message = delaying(7);
  *message.mutable_abort() = aborting(500).abort();
  make(message);
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  EXPECT_EQ(exchange.timer_delay, Milliseconds(7000));
  EXPECT_TRUE(exchange.info_.flags.has(ResponseFlag::kDelayInjected));
  EXPECT_FALSE(exchange.resumed.has_value());
  exchange.timer();
  ASSERT_TRUE(exchange.resumed.has_value());
  EXPECT_EQ(exchange.resumed->kind(), Verdict::Kind::kReply);
  EXPECT_EQ(count(filters::kDelaysInjected) * 10 + count(filters::kAbortsInjected), 11u);
  EXPECT_EQ(count(filters::kActiveFaults), 1u);
}

TEST_F(Fault, GoesOnAfterADelay) {
  make(delaying(1));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  exchange.timer();
  ASSERT_TRUE(exchange.resumed.has_value());
  EXPECT_EQ(exchange.resumed->kind(), Verdict::Kind::kContinue);
}

TEST_F(Fault, MeetsItsShare) {
  make(aborting(503, 25));
  int aborted = 0;
  for (int i = 0; i < 4000; ++i) {
    aborted += ask().kind() == Verdict::Kind::kReply ? 1 : 0;
    filter->on_complete(exchange);
  }
  EXPECT_NEAR(aborted, 1000, 150);
}

TEST_F(Fault, StopsAtTheMostActiveFaultsOfAllWorkers) {
  Message message = delaying(1);
  message.mutable_max_active_faults()->set_value(1);
  make(message);
  FakeExchange other;
  other.shard_ = 2;
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  EXPECT_EQ(factory->create()->on_request_head(other, other.request, true).kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(count(filters::kFaultsOverflow), 1u);
  filter->on_complete(exchange);
  EXPECT_EQ(filter->on_request_head(other, other.request, true).kind(), Verdict::Kind::kPause);
  filter->on_complete(other);  // it is gone before the filter is
}

TEST_F(Fault, OverflowIsOnlyForWhatAFaultWouldHaveMet) {
  Message message = aborting(503, 0);
  message.mutable_max_active_faults()->set_value(0);
  make(message);
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(count(filters::kFaultsOverflow), 0u);
}

Message slow(uint64_t kbps, uint32_t percent = 100) {
  Message message;
  message.mutable_response_rate_limit()->mutable_fixed_limit()->set_limit_kbps(kbps);
  message.mutable_response_rate_limit()->mutable_percentage()->set_numerator(percent);
  return message;
}

TEST_F(Fault, LimitsTheRateOfResponses) {
  make(slow(3));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.response_rate, 3 * 1024u);
  EXPECT_EQ(count(filters::kResponseRlInjected), 1u);
  EXPECT_EQ(count(filters::kActiveFaults), 1u);
  filter->on_complete(exchange);
  EXPECT_EQ(count(filters::kActiveFaults), 0u);
}

TEST_F(Fault, LimitsOnlyAShareOfResponses) {
  make(slow(3, 0));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.response_rate, 0u);
  runtime["fault.http.rate_limit.response_percent"] = "100";
  make(slow(3, 0));
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.response_rate, 3 * 1024u);
  filter->on_complete(exchange);
}

TEST_F(Fault, SeveralFaultsOfOneRequestAreOneAtWork) {
  Message message = slow(3);
  message.mutable_max_active_faults()->set_value(1);
  message.MergeFrom(delaying(1));
  message.MergeFrom(aborting(503));
  make(message);
  EXPECT_EQ(ask().kind(), Verdict::Kind::kPause);
  exchange.timer();
  ASSERT_TRUE(exchange.resumed);
  EXPECT_EQ(exchange.resumed->kind(), Verdict::Kind::kReply);
  EXPECT_EQ(count(filters::kActiveFaults), 1u);
  EXPECT_EQ(count(filters::kFaultsOverflow), 0u);
  EXPECT_EQ(count(filters::kDelaysInjected) + count(filters::kAbortsInjected), 2u);
  filter->on_complete(exchange);
}

TEST_F(Fault, RefusesARateOfNothing) {
  make(slow(0));
  EXPECT_EQ(factory, nullptr);
  EXPECT_EQ(report.error_text(),
            "typed_config.response_rate_limit.fixed_limit.limit_kbps: must be at least 1");
}

TEST_F(Fault, TellsOnlySoManyDownstreamClustersApart) {
  make(aborting(503));
  for (size_t i = 0; i < filters::FaultStats::kMaxClusters + 5; ++i) {
    exchange.request.set(HeaderId::kXEnvoyDownstreamServiceCluster, "web" + std::to_string(i));
    EXPECT_EQ(ask().kind(), Verdict::Kind::kReply);
    filter->on_complete(exchange);
  }
  EXPECT_EQ(stats.scopes().size(), filters::FaultStats::kMaxClusters + 1);
}

TEST_F(Fault, RefusesWhatIsNoStatus) {
  Message message;
  message.mutable_abort()->set_grpc_status(70000);
  make(message);
  EXPECT_EQ(factory, nullptr);
  EXPECT_EQ(report.error_text(), "typed_config.abort.grpc_status: is no status of gRPC");
}

TEST_F(Fault, CostsNoAllocationWhereItDoesNotStrike) {
  make(aborting(503, 0));
  exchange.request.add("x-other", "1");
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  const size_t before = test::allocations();
  EXPECT_EQ(ask().kind(), Verdict::Kind::kContinue);
  filter->on_complete(exchange);
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace remora
