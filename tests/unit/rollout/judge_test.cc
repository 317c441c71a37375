#include "rollout/judge.h"

#include <gtest/gtest.h>

#include <limits>

#include "unit/rollout/rollout_builders.h"

namespace remora::rollout::test {
namespace {

istio::CanaryMetric metric(const std::string& fields) {
  return canary_spec("{stepWeight: 10, metrics: [{" + fields + "}]}").analysis.metrics.at(0);
}

Check judge(const std::string& fields, MetricValue value, std::optional<uint64_t> samples = 100) {
  Measurement measured;
  measured.value = std::move(value);
  measured.samples = samples;
  return judge_metric(metric(fields), measured, "api.default");
}

TrafficWindow traffic(uint64_t requests, uint64_t failures, uint64_t slow = 0) {
  TrafficWindow window;
  window.requests = requests;
  window.failures = failures;
  window.bounds_ms = {10, 100, std::numeric_limits<double>::infinity()};
  window.cumulative = {requests - slow, requests, requests};
  return window;
}

const std::string kRate = "name: request-success-rate, thresholdRange: {min: 99}";
const std::string kTime = "name: request-duration, thresholdRange: {max: 500}";

TEST(JudgeMetric, Ranges) {
  EXPECT_EQ(judge(kRate, std::optional(99.0)).outcome, Outcome::kPass);
  const Check low = judge(kRate, std::optional(98.5));
  EXPECT_EQ(low.outcome, Outcome::kFail);
  EXPECT_EQ(low.text, "success rate 98.5% < 99");
  EXPECT_EQ(low.value, 98.5);
  EXPECT_EQ(low.min, 99);
  EXPECT_EQ(judge(kTime, std::optional(500.0)).outcome, Outcome::kPass);
  EXPECT_EQ(judge(kTime, std::optional(501.0)).text, "request duration 501ms > 500");
  const std::string both = "name: own, query: up, thresholdRange: {min: 1, max: 2}";
  EXPECT_EQ(judge(both, std::optional(0.5)).outcome, Outcome::kFail);
  EXPECT_EQ(judge(both, std::optional(1.5)).outcome, Outcome::kPass);
  EXPECT_EQ(judge(both, std::optional(2.5)).outcome, Outcome::kFail);
}

TEST(JudgeMetric, TheOldThresholdIsAFloorForRatesAndACeilingElsewhere) {
  EXPECT_EQ(judge("name: request-success-rate, threshold: 99", std::optional(98.0)).outcome, Outcome::kFail);
  EXPECT_EQ(judge("name: request-success-rate, threshold: 99", std::optional(99.5)).outcome, Outcome::kPass);
  EXPECT_EQ(judge("name: request-duration, threshold: 500", std::optional(600.0)).outcome, Outcome::kFail);
  EXPECT_EQ(judge("name: own, query: up", std::optional(0.1)).outcome, Outcome::kFail)
      << "above 0, as in Flagger";
}

TEST(JudgeMetric, NoDataAndErrors) {
  const Check none = judge(kRate, std::optional<double>(), 0);
  EXPECT_EQ(none.outcome, Outcome::kFail);
  EXPECT_EQ(none.text,
            "no values found for metric request-success-rate, probably api.default is not receiving traffic");
  EXPECT_EQ(judge(kRate + ", noData: inconclusive", std::optional<double>(), 0).outcome,
            Outcome::kInconclusive);
  const Check error = judge(kRate, Error{"timeout"});
  EXPECT_EQ(error.outcome, Outcome::kError);
  EXPECT_TRUE(error.failed());
}

TEST(JudgeMetric, TooFewSamplesAreInconclusiveWhateverTheySay) {
  EXPECT_EQ(judge(kRate + ", minSamples: 50", std::optional(0.0), 49).outcome, Outcome::kInconclusive);
  EXPECT_EQ(judge(kRate + ", minSamples: 50", std::optional(0.0), 50).outcome, Outcome::kFail);
  EXPECT_EQ(judge(kRate + ", minSamples: 50", std::optional<double>(), 0).outcome, Outcome::kInconclusive);
}

TEST(JudgeMetric, RightAfterAStartNoDataSaysNothing) {
  Measurement measured;
  measured.listening_since_short = true;
  EXPECT_EQ(judge_metric(metric(kRate), measured, "api.default").outcome, Outcome::kInconclusive);
  measured.value = std::optional(50.0);
  EXPECT_EQ(judge_metric(metric(kRate), measured, "api.default").outcome, Outcome::kFail);
}

Check compare(const std::string& fields, const TrafficWindow& canary, const TrafficWindow& primary,
              std::optional<double> bound, double value) {
  Measurement measured;
  measured.value = std::optional(value);
  measured.samples = canary.requests;
  measured.compared = ComparedTraffic{canary, primary, bound};
  return judge_metric(metric(fields), measured, "api.default");
}

TEST(JudgeMetric, ComparedWithThePrimary) {
  const std::string fields =
      "name: request-success-rate, compare: {against: primary, errorRate: 0.01, margin: 0.01}";
  EXPECT_EQ(compare(fields, traffic(2000, 2), traffic(20000, 20), {}, 99.9).outcome, Outcome::kPass);
  EXPECT_EQ(compare(fields, traffic(2000, 200), traffic(20000, 20), {}, 90).outcome, Outcome::kFail);
  EXPECT_EQ(compare(fields, traffic(5, 0), traffic(50, 0), {}, 100).outcome, Outcome::kInconclusive);
  // A primary that is as bad excuses the canary, which a bare threshold would not.
  EXPECT_EQ(compare(fields, traffic(50000, 5000), traffic(500000, 55000), {}, 90).outcome, Outcome::kPass);
  EXPECT_EQ(
      compare(fields + ", thresholdRange: {min: 99}", traffic(50000, 5000), traffic(500000, 55000), {}, 90)
          .outcome,
      Outcome::kFail)
      << "unless both are asked for";
}

TEST(JudgeMetric, SlownessComparedWithThePrimary) {
  const std::string fields = "name: request-duration, compare: {errorRate: 0.01, margin: 0.02}";
  EXPECT_EQ(compare(fields, traffic(2000, 0, 20), traffic(20000, 0, 200), 10, 50).outcome, Outcome::kPass);
  EXPECT_EQ(compare(fields, traffic(2000, 0, 400), traffic(20000, 0, 200), 10, 50).outcome, Outcome::kFail);
  EXPECT_EQ(compare(fields, traffic(2000, 0, 0), traffic(20000, 0, 0), {}, 50).outcome,
            Outcome::kInconclusive);
}

TEST(JudgeMirror, StatusAndLatencyOfTheShadow) {
  const ComparedTraffic good{traffic(50000, 5, 50), traffic(50000, 5, 50), 10};
  EXPECT_EQ(judge_mirror(false, good).outcome, Outcome::kPass);
  EXPECT_EQ(judge_mirror(true, good).outcome, Outcome::kPass);
  const ComparedTraffic bad{traffic(50000, 5000, 20000), traffic(50000, 5, 50), 10};
  EXPECT_EQ(judge_mirror(false, bad).outcome, Outcome::kFail);
  EXPECT_EQ(judge_mirror(true, bad).outcome, Outcome::kFail);
  EXPECT_EQ(judge_mirror(false, {}).outcome, Outcome::kInconclusive);
}

}  // namespace
}  // namespace remora::rollout::test
