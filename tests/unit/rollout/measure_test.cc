#include "rollout/measure.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

#include "unit/rollout/engine_builders.h"

namespace remora::rollout::test {
namespace {

/// Answers each query with what the test wants, later or never.
class FakeProvider : public MetricProvider {
 public:
  FakeProvider(boost::asio::io_context& context, std::vector<std::string>& asked, MetricValue answer)
      : context_(context),
        asked_(asked),
        answer_(std::move(answer)) {}

  std::shared_ptr<void> query(const std::string& query, std::function<void(MetricValue)> done) override {
    asked_.push_back(query);
    boost::asio::post(context_, [done, answer = answer_] { done(answer); });
    return std::make_shared<int>();
  }

 private:
  boost::asio::io_context& context_;
  std::vector<std::string>& asked_;
  MetricValue answer_;
};

class MeasureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    environment.started = kNever;
    environment.make_provider =
        [this](const istio::MetricTemplate& metric,
               const std::map<std::string, std::string>& secret) -> Result<std::shared_ptr<MetricProvider>> {
      addresses.push_back(metric.address);
      secrets = secret;
      return std::shared_ptr<MetricProvider>(std::make_shared<FakeProvider>(stage.context, asked, answer));
    };
    environment.render_query = [](const std::string& query, const QueryModel& model) -> Result<std::string> {
      return query + '|' + model.target + '|' + model.interval + '|' + model.service;
    };
  }

  std::vector<Check> run(const std::string& analysis, const std::string& more = "") {
    spec = canary_spec(analysis, more);
    Observation seen;
    seen.spec = &spec;
    seen.name = "api";
    seen.ns = "default";
    seen.status = status;
    seen.revisions = {revision("v1", ""), revision("v2", "")};
    seen.now = environment.now();
    std::vector<Check> checks;
    bool done = false;
    const MetricTargets targets{selection_of(seen, "api", "v2"), selection_of(seen, "api", "v1")};
    const auto handle = measure(environment, seen, targets, [&](std::vector<Check> result) {
      checks = std::move(result);
      done = true;
    });
    EXPECT_FALSE(done) << "called back before it returned";
    stage.run_until([&] { return done; });
    return checks;
  }

  Stage stage{""};
  Environment environment{stage.context, stage.store, &stage.traffic};
  istio::Canary spec;
  Status status;
  MetricValue answer = std::optional<double>(99.5);
  std::vector<std::string> asked;
  std::vector<std::string> addresses;
  std::map<std::string, std::string> secrets;
};

TEST_F(MeasureTest, TheProxiesReportsByDefault) {
  stage.traffic.failures = 10;
  const auto checks =
      run("{metrics: [{name: request-success-rate, thresholdRange: {min: 99}}, {name: request-duration, "
          "thresholdRange: {max: 500}}]}");
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[0].value, 90);
  EXPECT_EQ(checks[0].samples, 100U);
  EXPECT_EQ(checks[0].outcome, Outcome::kFail);
  EXPECT_EQ(checks[1].outcome, Outcome::kPass);
  EXPECT_TRUE(asked.empty());
}

TEST_F(MeasureTest, AMetricsServerIsAskedFlaggersQueries) {
  const auto checks =
      run("{metrics: [{name: request-success-rate, interval: 30s, thresholdRange: {min: 99}}, {name: "
          "request-duration, thresholdRange: {max: 50}}]}",
          "  metricsServer: http://prometheus:9090\n");
  ASSERT_EQ(asked.size(), 2U);
  EXPECT_EQ(
      asked[0],
      "sum(rate(istio_requests_total{reporter=\"destination\",destination_workload_namespace=\"default\","
      "destination_workload=~\"api-v2\",response_code!~\"5.*\"}[30s])) / sum(rate(istio_requests_total{"
      "reporter=\"destination\",destination_workload_namespace=\"default\",destination_workload=~\"api-v2\"}"
      "[30s])) * 100");
  EXPECT_NE(asked[1].find("histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{"),
            std::string::npos);
  EXPECT_EQ(addresses[0], "http://prometheus:9090");
  EXPECT_EQ(checks[0].outcome, Outcome::kPass);
  EXPECT_EQ(checks[1].outcome, Outcome::kFail) << "99.5 ms";
}

TEST_F(MeasureTest, TemplatesWithTheirSecret) {
  const auto create = [&](const char* type, const char* name, const std::string& yaml) {
    stage.store.create({type, "monitoring", name}, store::from_yaml(yaml)->get_object(),
                       [](const store::WriteResult&) {});
  };
  create(
      "metrictemplates.flagger.app", "errors",
      "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {name: errors, namespace: "
      "monitoring}\n"
      "spec: {provider: {type: prometheus, address: 'http://p:1', secretRef: {name: login}}, query: errs}\n");
  create("secrets", "login",
         "apiVersion: v1\nkind: Secret\nmetadata: {name: login, namespace: monitoring}\ndata: {username: "
         "bWU=}\n");
  answer = std::optional<double>(3);
  const auto checks =
      run("{metrics: [{name: errors, interval: 5m, templateRef: {name: errors, namespace: monitoring}, "
          "thresholdRange: {max: 2}}]}");
  EXPECT_EQ(asked, std::vector<std::string>{"errs|api-v2|5m|api"});
  EXPECT_EQ(secrets["username"], "me");
  EXPECT_EQ(checks.at(0).outcome, Outcome::kFail);
}

TEST_F(MeasureTest, WhatIsMissingIsAnError) {
  auto checks = run("{metrics: [{name: x, templateRef: {name: none}, thresholdRange: {max: 1}}]}");
  EXPECT_EQ(checks.at(0).outcome, Outcome::kError);
  EXPECT_NE(checks[0].text.find("metric template none.default does not exist"), std::string::npos);
  checks = run("{metrics: [{name: x, query: up, thresholdRange: {max: 1}}]}");
  EXPECT_EQ(checks.at(0).outcome, Outcome::kError);
  EXPECT_NE(checks[0].text.find("metricsServer"), std::string::npos);
  answer = Error{"connection refused"};
  checks =
      run("{metrics: [{name: x, query: up, thresholdRange: {max: 1}}]}", "  metricsServer: http://p:1\n");
  EXPECT_EQ(checks.at(0).outcome, Outcome::kError);
}

TEST_F(MeasureTest, TheGateOfAMirroredStepComesOnTop) {
  status.weights = {100, 0, true};
  status.compared_since = environment.now() - std::chrono::seconds(10);
  stage.traffic.requests = 100;
  stage.traffic.failures = 90;
  const auto checks = run("{stepWeight: 10, mirror: true, mirrorGate: true}");
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_EQ(checks[0].name, "mirror-status");
  EXPECT_EQ(checks[0].outcome, Outcome::kFail);
  EXPECT_EQ(checks[1].outcome, Outcome::kInconclusive) << "nobody knows what is slow";
}

TEST_F(MeasureTest, ADroppedHandleGivesUp) {
  spec = canary_spec("{metrics: [{name: request-success-rate, thresholdRange: {min: 99}}]}");
  Observation seen;
  seen.spec = &spec;
  seen.ns = "default";
  bool called = false;
  measure(environment, seen, {}, [&](const std::vector<Check>&) { called = true; }).reset();
  stage.context.run_for(std::chrono::milliseconds(10));
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace remora::rollout::test
