#include <gtest/gtest.h>

#include "unit/istio/mesh_builders.h"

namespace remora::istio::test {
namespace {

std::string canary(const std::string& spec) {
  return "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: api}\nspec:\n"
         "  targetRef: {apiVersion: apps/v1, kind: Deployment, name: api}\n"
         "  service: {port: 8080}\n" +
         spec;
}

Canary read(const std::string& spec) {
  const ParsedFile parsed = parse_file("c.yaml", canary(spec));
  EXPECT_FALSE(has_errors(parsed.findings)) << ::testing::PrintToString(texts(parsed.findings));
  return std::get<Canary>(parsed.resources.at(0)->spec);
}

/// All findings of one document, as one text.
std::string findings(const std::string& text) {
  std::string all;
  for (const Diagnostic& finding : parse_file("c.yaml", text).findings) {
    all +=
        (finding.severity == Severity::kError ? "E " : "W ") + finding.path + ": " + finding.message + '\n';
  }
  return all;
}

TEST(ParseCanary, ConnectionsHaveWeightsAndNothingElse) {
  const std::string text =
      "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: api}\nspec:\n"
      "  targetRef: {apiVersion: v1, kind: Service, name: api}\n"
      "  service: {port: 5432, appProtocol: tcp, timeout: 5s}\n"
      "  analysis: {stepWeight: 10, mirror: true, metrics: [{name: request-success-rate, thresholdRange: "
      "{min: 1}}]}\n";
  const std::string all = findings(text);
  for (const char* expected :
       {"W spec.service.timeout: has no effect", "W spec.analysis: mirror has no effect",
        "W spec.analysis: metrics: request-success-rate never has a value"}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << " in\n" << all;
  }
  EXPECT_EQ(all.find("E "), std::string::npos) << all;
  const auto canary = std::get<Canary>(parse_file("c.yaml", text).resources.at(0)->spec);
  EXPECT_TRUE(canary.service.tcp);
  EXPECT_FALSE(canary.analysis.mirror);
}

TEST(ParseCanary, DefaultsAreFlaggers) {
  const Canary c = read("  analysis: {stepWeight: 10}\n");
  EXPECT_EQ(c.apex(), "api");
  EXPECT_EQ(c.service.port_name, "http");
  EXPECT_EQ(c.deadline_seconds(), 600U);
  EXPECT_EQ(c.analysis.interval, std::chrono::seconds(60));
  EXPECT_EQ(c.analysis.threshold, 1U);
  EXPECT_EQ(c.analysis.max_weight, 100U);
  EXPECT_EQ(c.analysis.canary_ready_threshold, 100U);
  EXPECT_EQ(c.strategy(), CanaryStrategy::kCanary);
  EXPECT_FALSE(c.skip_analysis);
}

TEST(ParseCanary, EveryPartOfTheAnalysis) {
  const Canary c = read(R"(  metricsServer: http://127.0.0.1:9090
  progressDeadlineSeconds: 60
  revertOnDeletion: true
  analysis:
    interval: 1m
    threshold: 5
    maxWeight: 50
    stepWeights: [1, 5, 50]
    stepWeightPromotion: 25
    mirror: true
    mirrorWeight: 20
    mirrorGate: true
    primaryReadyThreshold: 60
    canaryReadyThreshold: 40
    sessionAffinity: {cookieName: canary-cookie, maxAge: 60, secure: true, sameSite: Strict, path: /}
    metrics:
    - name: request-success-rate
      interval: 30s
      thresholdRange: {min: 99}
      minSamples: 50
      noData: inconclusive
      compare: {against: primary, errorRate: 0.05, margin: 0.02}
    - name: errors
      templateRef: {name: errors, namespace: monitoring}
      templateVariables: {code: "500"}
      thresholdRange: {max: 1.5}
    webhooks:
    - {name: gate, type: confirm-rollout, url: "http://gate/", timeout: 3s, retries: 2, muteAlert: true}
    - {name: load, url: "http://load/", metadata: {cmd: "hey http://api"}}
    alerts:
    - {name: chat, severity: warn, providerRef: {name: slack}}
)");
  const CanaryAnalysis& a = c.analysis;
  EXPECT_EQ(a.step_weights, (std::vector<uint32_t>{1, 5, 50}));
  EXPECT_EQ(a.mirror_weight, 20U);
  EXPECT_TRUE(a.mirror_gate);
  EXPECT_EQ(a.session_affinity->max_age, 60U);
  ASSERT_EQ(a.metrics.size(), 2U);
  EXPECT_EQ(a.metrics[0].interval_text, "30s");
  EXPECT_EQ(a.metrics[0].range.min, 99.0);
  EXPECT_EQ(a.metrics[0].min_samples, 50U);
  EXPECT_TRUE(a.metrics[0].no_data_inconclusive);
  EXPECT_DOUBLE_EQ(a.metrics[0].compare->margin, 0.02);
  EXPECT_EQ(a.metrics[1].template_ref->ns, "monitoring");
  ASSERT_EQ(a.webhooks.size(), 2U);
  EXPECT_EQ(a.webhooks[0].type, HookType::kConfirmRollout);
  EXPECT_EQ(a.webhooks[0].retries, 2U);
  EXPECT_EQ(a.webhooks[1].type, HookType::kRollout);
  EXPECT_EQ(a.webhooks[1].metadata.at("cmd"), "hey http://api");
  EXPECT_EQ(a.alerts.at(0).severity, AlertSeverity::kWarn);
}

TEST(ParseCanary, StrategyFollowsIterationsAndMatch) {
  EXPECT_EQ(read("  analysis: {iterations: 3}\n").strategy(), CanaryStrategy::kBlueGreen);
  EXPECT_EQ(read("  analysis: {iterations: 3, match: [{headers: {x-user: {exact: me}}}]}\n").strategy(),
            CanaryStrategy::kAbTesting);
  EXPECT_TRUE(read("  analysis: {stepWeight: 5}\n  skipAnalysis: true\n").skip_analysis);
  EXPECT_TRUE(read("").skip_analysis);
  EXPECT_EQ(read("  canaryAnalysis: {stepWeight: 5}\n").analysis.step_weight, 5U);
}

TEST(ParseCanary, FaultsAreNamedByPath) {
  const std::string all = findings(canary(R"(  provider: linkerd
  analysis:
    interval: 1s
    stepWeights: [5, 3, 200]
    wrong: 1
    mirrorGate: true
    sessionAffinity: {cookieName: "a;b"}
    metrics:
    - {name: custom}
    - {name: request-duration, noData: maybe, interval: 5}
    webhooks:
    - {name: x, url: "ftp://x", type: sometimes}
    alerts:
    - {name: a}
)"));
  for (const char* expected :
       {"E spec.provider: ", "W spec.analysis.interval: ", "E spec.analysis.stepWeights: must grow",
        "E spec.analysis.stepWeights[2]: ", "E spec.analysis.wrong: unknown",
        "E spec.analysis.mirrorGate: ", "E spec.analysis.sessionAffinity.cookieName: ",
        "E spec.analysis.metrics[0]: ", "E spec.analysis.metrics[1].noData: ",
        "E spec.analysis.metrics[1].interval: ", "E spec.analysis.webhooks[0].url: ",
        "E spec.analysis.webhooks[0].type: ", "E spec.analysis.alerts[0].providerRef: "}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << "\nin\n" << all;
  }
}

TEST(ParseCanary, WhatTheServiceHoldsIsCheckedAsInAVirtualService) {
  const std::string all = findings(
      "apiVersion: flagger.app/v1beta1\nkind: Canary\nmetadata: {name: api}\nspec:\n"
      "  targetRef: {apiVersion: apps/v1, kind: Pigeon, name: api}\n"
      "  service:\n    port: 0\n    delegation: maybe\n    corsPolicy: {maxAge: 1.5s}\n"
      "    retries: {attempts: -1}\n    match: [{uri: {regex: '('}}]\n"
      "    trafficPolicy: {tls: {mode: MUTUAL}}\n    timeout: soon\n");
  for (const char* expected : {"E spec.targetRef.kind: ", "E spec.service.port: ",
                               "E spec.service.delegation: ", "E spec.service.corsPolicy.maxAge: ",
                               "E spec.service.retries.attempts: ", "E spec.service.match[0].uri.regex: ",
                               "E spec.service.trafficPolicy.tls", "E spec.service.timeout: "}) {
    EXPECT_NE(all.find(expected), std::string::npos) << expected << "\nin\n" << all;
  }
}

TEST(ParseMetricTemplate, PrometheusOnly) {
  const std::string head =
      "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {name: m}\nspec:\n";
  const ParsedFile parsed = parse_file(
      "m.yaml", head +
                    "  provider: {type: prometheus, address: 'http://p:9090', headers: {X-Org: [a]},"
                    " secretRef: {name: s}, insecureSkipVerify: true}\n  query: up\n");
  ASSERT_FALSE(has_errors(parsed.findings));
  const auto& metric = std::get<MetricTemplate>(parsed.resources.at(0)->spec);
  EXPECT_EQ(metric.headers.at("X-Org"), "a");
  EXPECT_EQ(metric.secret, "s");
  const std::string all = findings(head + "  provider: {type: datadog, address: 'http://p'}\n");
  EXPECT_NE(all.find("E spec.provider.type: "), std::string::npos) << all;
  EXPECT_NE(all.find("E spec.query: "), std::string::npos) << all;
}

TEST(ParseAlertProvider, KnownTypes) {
  const std::string head =
      "apiVersion: flagger.app/v1beta1\nkind: AlertProvider\nmetadata: {name: m}\nspec:\n";
  const ParsedFile parsed =
      parse_file("m.yaml", head + "  type: slack\n  address: http://hook/\n  channel: ops\n");
  ASSERT_FALSE(has_errors(parsed.findings));
  EXPECT_EQ(std::get<AlertProvider>(parsed.resources.at(0)->spec).channel, "ops");
  const std::string all = findings(head + "  type: pigeon\n  proxy: socks5://x\n");
  for (const char* expected : {"E spec.type: ", "E spec.proxy: ", "E spec: needs address"}) {
    EXPECT_NE(all.find(expected), std::string::npos) << all;
  }
}

}  // namespace
}  // namespace remora::istio::test
