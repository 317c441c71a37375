#include "unit/filters/greeting/greeting.h"

#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "unit/filters/filter_harness.h"
#include "unit/support/allocation_counter.h"

namespace remora {
namespace {

/// The filter of docs/writing-a-filter.md.
struct Greeting : ::testing::Test {
  void make(const std::string& text) {
    google::protobuf::StringValue message;
    message.set_value(text);
    const std::string bytes = message.SerializeAsString();
    factory = filters::make_greeting({"greeting", bytes, path}, context, report);
    if (factory) filter = factory->create();
  }

  const std::string path = "http_filters[0].typed_config";
  StatsStore stats{2};
  NodeInfo node;
  ConfigReport report;
  FilterFactoryContext context{stats, node, "http.in.", TrafficDirection::kInbound, nullptr};
  std::shared_ptr<const FilterFactory> factory;
  std::unique_ptr<HttpFilter> filter;
  FakeExchange exchange;
};

TEST_F(Greeting, GreetsAndCounts) {
  make("hello");
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.request.get("x-greeting"), "hello");
  EXPECT_EQ(stats.scopes().front()->name().prefix, "http.in.greeting.");
  EXPECT_EQ(stats.scopes().front()->value(filters::kGreeted), 1u);
}

TEST_F(Greeting, SaysWhatTheRouteWants) {
  make("hello");
  filters::GreetingConfig of_route;
  of_route.text = "welcome";
  const RouteFilterConfig* const configs[] = {&of_route};
  exchange.enter(configs);
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(exchange.request.get("x-greeting"), "welcome");
}

TEST_F(Greeting, RefusesAGreetingOfSomebodyElse) {
  make("hello");
  exchange.request.add("x-greeting", "mine");
  auto verdict = filter->on_request_head(exchange, exchange.request, true);
  ASSERT_EQ(verdict.kind(), Verdict::Kind::kReply);
  EXPECT_EQ(verdict.take_reply().status, 400);
}

TEST_F(Greeting, RefusesAnEmptyGreetingByItsPath) {
  make("");
  EXPECT_EQ(factory, nullptr);
  EXPECT_EQ(report.error_text(), "http_filters[0].typed_config.value: must not be empty");
}

TEST_F(Greeting, AllocatesNothingInSteadyState) {
  make("hello");
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).kind(), Verdict::Kind::kContinue);
  exchange.request.remove("x-greeting");
  const size_t before = test::allocations();
  EXPECT_EQ(filter->on_request_head(exchange, exchange.request, true).kind(), Verdict::Kind::kContinue);
  EXPECT_EQ(test::allocations(), before);
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

TEST(WritingAFilter, ThePageShowsTheseFiles) {
  const std::string tests = REMORA_TESTS_DIR;
  const std::string page = contents(tests + "/../docs/writing-a-filter.md");
  for (const char* file : {"greeting.h", "greeting.cc", "config.cc"}) {
    const std::string code = contents(tests + "/unit/filters/greeting/" + file);
    ASSERT_FALSE(code.empty()) << file;
    EXPECT_NE(page.find("```cpp\n" + code + "```\n"), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace remora
