#include "upstream/load_report.h"

#include <gtest/gtest.h>

#include "remora/http/header_map.h"

namespace remora {
namespace {

std::optional<LoadReport> read(std::string_view name, std::string_view value,
                               const std::vector<std::string>& metrics = {}) {
  HeaderMap headers;
  headers.add(name, value);
  return read_load_report(headers, metrics);
}
std::optional<LoadReport> read(std::string_view value, const std::vector<std::string>& metrics = {}) {
  return read("endpoint-load-metrics", value, metrics);
}

void expect_all(const std::optional<LoadReport>& report) {
  ASSERT_TRUE(report);
  EXPECT_DOUBLE_EQ(report->application_utilization, 0.75);
  EXPECT_DOUBLE_EQ(report->cpu_utilization, 0.5);
  EXPECT_DOUBLE_EQ(report->rps, 100);
  EXPECT_DOUBLE_EQ(report->eps, 2);
  EXPECT_DOUBLE_EQ(report->most_utilized, 0.25) << "of named_metrics.queue";
}

const std::vector<std::string> kQueue{"named_metrics.queue", "named_metrics.none"};
// OrcaLoadReport{cpu_utilization 0.5, mem_utilization 0.125, utilization{disk: 0.5}, rps_fractional 100, eps
// 2, named_metrics{queue: 0.25}, application_utilization 0.75}
constexpr std::string_view kBinary =
    "CQAAAAAAAOA/EQAAAAAAAMA/Kg8KBGRpc2sRAAAAAAAA4D8xAAAAAAAAWUA5AAAAAAAAAEBCEAoFcXVldWURAAAAAAAA0D9JAAAAAAAA"
    "6D8";

TEST(LoadReport, IsReadInEveryForm) {
  expect_all(
      read("TEXT application_utilization=0.75, cpu_utilization=0.5,rps_fractional=100,eps=2,"
           "named_metrics.queue=0.25,mem_utilization=0.9",
           kQueue));
  expect_all(read(R"(JSON {"application_utilization": 0.75, "cpuUtilization": "0.5", "rpsFractional": 1e2, )"
                  R"("eps":2, "mem_utilization": 0.9, "namedMetrics": {"queue": 0.25}, )"
                  R"("other": [1, {"a\"b": null}, "}"], "utilization": {}})",
                  kQueue));
  expect_all(read("BIN " + std::string(kBinary), kQueue));
  expect_all(read("endpoint-load-metrics-bin", kBinary, kQueue));
  expect_all(read("endpoint-load-metrics-bin", std::string(kBinary) + "=", kQueue));
}

TEST(LoadReport, TheGreatestOfTheMetricsCounts) {
  const auto most = [](std::vector<std::string> metrics) {
    return read("TEXT mem_utilization=0.9,named_metrics.a=0.2,named_metrics.b=0.3,utilization.a=0.8", metrics)
        ->most_utilized;
  };
  EXPECT_DOUBLE_EQ(most({}), 0);
  EXPECT_DOUBLE_EQ(most({"mem_utilization"}), 0.9);
  EXPECT_DOUBLE_EQ(most({"named_metrics.*"}), 0.3);
  EXPECT_DOUBLE_EQ(most({"named_metrics.a", "utilization.a"}), 0.8);
  EXPECT_DOUBLE_EQ(most({"a", "named_metrics", "named_metrics."}), 0);
  EXPECT_DOUBLE_EQ(read("endpoint-load-metrics-bin", kBinary, {"utilization.disk"})->most_utilized, 0.5);
}

TEST(LoadReport, WhatCannotBeReadIsNone) {
  HeaderMap nothing;
  EXPECT_FALSE(read_load_report(nothing, {}));
  for (const char* value : {"",
                            "TEXT ",
                            "TEXT cpu_utilization",
                            "TEXT cpu_utilization=",
                            "TEXT =1",
                            "TEXT cpu_utilization=x",
                            "TEXT cpu_utilization=nan",
                            "TEXT cpu_utilization=inf",
                            "TEXT eps=1,eps=2",
                            "TEXT unheard_of=1",
                            "TEXT named_metrics.=1",
                            "text eps=1",
                            "eps=1",
                            "JSON",
                            "JSON {",
                            "JSON {}x",
                            "JSON {\"eps\": 1",
                            "JSON {\"eps\": true}",
                            "JSON {\"eps\": {}}",
                            "JSON {\"eps\" 1}",
                            "JSON {\"named_metrics\": 1}",
                            "JSON {\"a\": [}",
                            "JSON [1]",
                            "BIN ",
                            "BIN !!!!",
                            "BIN CQAA"})
    EXPECT_FALSE(read(value)) << value;
  std::string deep = "JSON {\"a\": ";
  deep.append(100000, '[');
  EXPECT_FALSE(read(deep)) << "and the stack lives";
}

/// A name must not come twice, and looking for that costs the square of them.
TEST(LoadReport, TextHasOnlySoManyMetrics) {
  std::string text = "TEXT ";
  for (int i = 0; i < 63; ++i) text += "named_metrics.m" + std::to_string(i) + "=1,";
  EXPECT_TRUE(read(text + "eps=2"));
  EXPECT_FALSE(read(text + "eps=2,cpu_utilization=1"));
}

TEST(LoadReport, BrokenMessagesAreNotReadBeyondTheirEnd) {
  const std::string whole(
      "\x09\0\0\0\0\0\0\xe0\x3f\x2a\x0f\x0a\x04"
      "disk\x11\0\0\0\0\0\0\xe0\x3f",
      26);
  LoadReport report;
  const std::vector<std::string> metrics;
  MetricTaker taker(report, metrics);
  EXPECT_TRUE(read_binary_report(whole, taker));
  for (size_t size = 1; size < whole.size(); ++size) {
    if (size == 9) continue;  // the first field alone
    EXPECT_FALSE(read_binary_report(std::string_view(whole).substr(0, size), taker)) << size;
  }
  EXPECT_FALSE(read_binary_report(std::string(20, '\xff'), taker));
}

TEST(LoadReport, WeightIsRequestsForUtilization) {
  EXPECT_DOUBLE_EQ(*weight_of({.application_utilization = 0.5, .cpu_utilization = 0.1, .rps = 100}, 1), 200);
  EXPECT_DOUBLE_EQ(*weight_of({.cpu_utilization = 0.1, .rps = 100, .most_utilized = 0.25}, 1), 400);
  EXPECT_DOUBLE_EQ(*weight_of({.cpu_utilization = 0.1, .rps = 100}, 1), 1000);
  EXPECT_DOUBLE_EQ(*weight_of({.cpu_utilization = 0.1, .rps = 100, .eps = 10}, 4), 200);
  EXPECT_DOUBLE_EQ(*weight_of({.cpu_utilization = 5, .rps = 1}, 0), 1) << "at least 1";
  EXPECT_FALSE(weight_of({.cpu_utilization = 0.1}, 1)) << "no requests";
  EXPECT_FALSE(weight_of({.rps = 100}, 1)) << "no utilization";
  EXPECT_FALSE(weight_of({.cpu_utilization = -1, .rps = 100}, 1));
}

}  // namespace
}  // namespace remora
