#include "rollout/engine.h"

#include <gtest/gtest.h>

#include "unit/rollout/crash_builders.h"
#include "unit/rollout/engine_builders.h"

namespace remora::rollout::test {
namespace {

using Weights64 = std::vector<int64_t>;

std::string selected_version(const Stage& stage, const std::string& service) {
  return text_of(stage.object(kServiceType, service).at("spec").at("selector").get_object(), "version");
}

TEST(Engine, AGoodCanaryIsPromoted) {
  Stage stage(canary_yaml(kQuick));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  EXPECT_EQ(selected_version(stage, "api-primary"), "v1");
  stage.add_workload("v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded));
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 0; }));
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 50, 0}));
  EXPECT_EQ(selected_version(stage, "api-primary"), "v2");
  EXPECT_EQ(text_of(stage.object(kServiceType, "api").at("spec").at("selector").get_object(), "app"), "api");
  EXPECT_FALSE(stage.object(kDestinationRuleType, "api-canary").empty());
  EXPECT_NE(
      stage.engine->render_metrics("test").find(
          "flagger_canary_successes_total{name=\"api\",namespace=\"default\",deployment_strategy=\"canary\","
          "analysis_status=\"completed\"} 1"),
      std::string::npos)
      << stage.engine->render_metrics("test");
}

TEST(Engine, ABadCanaryIsRolledBack) {
  Stage stage(canary_yaml(kQuick));
  stage.traffic.failures = 50;
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.add_workload("v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed));
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 0; }));
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 0}));
  EXPECT_EQ(selected_version(stage, "api-primary"), "v1");
  const boost::json::array view = stage.engine->view();
  ASSERT_EQ(view.size(), 1U);
  EXPECT_EQ(text_of(view[0].get_object(), "phase"), "Failed");
  const std::string timeline = boost::json::serialize(view[0].get_object().at("timeline"));
  EXPECT_NE(timeline.find("success rate 50% < 99"), std::string::npos) << timeline;
}

TEST(Engine, NoTrafficFailsUnlessTheFieldSaysInconclusive) {
  Stage stage(canary_yaml(kQuick));
  stage.traffic.requests = 0;
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.add_workload("v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed));

  Stage patient(canary_yaml(
      "{interval: 3ms, threshold: 2, maxWeight: 50, stepWeight: 25, metrics: [{name: request-success-rate, "
      "noData: inconclusive, minSamples: 50, thresholdRange: {min: 99}}]}"));
  patient.traffic.requests = 0;
  patient.start_engine();
  ASSERT_TRUE(patient.run_until_phase(Phase::kInitialized));
  patient.add_workload("v2");
  ASSERT_TRUE(patient.run_until([&] {
    const Status status = patient.status();
    return !status.timeline.empty() && status.timeline.back().decision == "hold" &&
           status.timeline.back().times > 5;
  }));
  EXPECT_EQ(patient.status().failed_checks, 0U);
  EXPECT_EQ(patient.status().weights.canary, 25U);
  patient.traffic.requests = 100;
  ASSERT_TRUE(patient.run_until_phase(Phase::kSucceeded));
}

void play(Trial& trial) {
  Stage stage(canary_yaml(kQuick));
  begin(stage, trial);
  const Phase end = trial.good ? Phase::kSucceeded : Phase::kFailed;
  bool added = false;
  int restarts = 0;
  const bool ended = stage.run_until([&] {
    if (revive(stage)) ++restarts;
    if (!added && stage.status().phase == Phase::kInitialized) {
      added = true;
      stage.add_workload("v2");
    }
    return stage.status().phase == end && stage.canary_weights.back() == 0;
  });
  ASSERT_TRUE(ended) << to_string(stage.status().phase) << trial.where() << ": " << stage.status().message;
  EXPECT_LE(restarts, 1);
  expect_the_same_story(stage, trial);
  EXPECT_EQ(stage.decisions("hold"), trial.good ? 0 : 2) << trial.where();
  const auto timeline = stage.status().timeline;
  for (size_t i = 1; i < timeline.size(); ++i) {
    EXPECT_GE(timeline[i].time - timeline[i - 1].time, std::chrono::milliseconds(i > 1 ? 3 : 0))
        << "two decisions in one interval" << trial.where();
  }
  trial.writes = stage.fragile->writes;
}

TEST(CrashSafety, WhereverItDiesTheRolloutGoesOnAsIfItHadNot) { play_with_every_fault(10, play); }

TEST(Engine, ARestartResumesPhaseAndCounts) {
  Stage stage(canary_yaml("{interval: 1h, threshold: 5, stepWeight: 25}"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.add_workload("v2");
  Status status = stage.status();
  status.phase = Phase::kProgressing;
  status.last_applied = "v2";
  status.weights = {75, 25, false};
  status.failed_checks = 3;
  status.last_tick =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  stage.stop_engine();
  boost::json::object body = stage.object(kCanaryType, "api");
  body["status"] = to_json(status);
  stage.store.update_status({kCanaryType, "default", "api"}, body, {}, [](const store::WriteResult&) {});
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 25; }));
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(30));
  EXPECT_EQ(stage.status().failed_checks, 3U);
  EXPECT_EQ(stage.status().weights.canary, 25U) << "the interval is not over";
}

TEST(Engine, ActionsByHandAreDurableAtOnce) {
  Stage stage(canary_yaml("{interval: 1h, threshold: 5, stepWeight: 25}"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  const store::ObjectKey key{kCanaryType, "default", "api"};
  std::vector<bool> answers;
  const auto note = [&](const Result<void>& result) { answers.push_back(result.ok()); };
  stage.engine->act(key, Action::kAbort, note);
  stage.engine->act(key, Action::kPause, note);
  stage.engine->act(key, Action::kResume, note);
  stage.engine->act({kCanaryType, "default", "none"}, Action::kPause, note);
  ASSERT_TRUE(stage.run_until([&] { return answers.size() == 4; }));
  EXPECT_EQ(answers, (std::vector<bool>{false, true, true, false}));
  EXPECT_FALSE(stage.status().paused);
}

TEST(Engine, ARoutingFromAManifestFileBlocksAndSaysSo) {
  Stage stage(canary_yaml(kQuick));
  const std::string yaml =
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api, namespace: default}\n"
      "spec: {hosts: [api], http: [{route: [{destination: {host: api}}]}]}\n";
  stage.store.set_manifests(
      {{{kVirtualServiceType, "default", "api"}, store::from_yaml(yaml)->get_object(), "mesh/api.yaml"}});
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return stage.status().conditions.size() == 2; }));
  const Condition condition = stage.status().conditions.back();
  EXPECT_EQ(condition.type, "Reconciled");
  EXPECT_EQ(condition.status, "False");
  EXPECT_NE(condition.message.find("mesh/api.yaml"), std::string::npos) << condition.message;
  stage.add_workload("v2");
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(30));
  EXPECT_EQ(stage.status().phase, Phase::kInitialized) << "nothing moves while the routes cannot";
  stage.store.set_manifests({});
  EXPECT_TRUE(stage.run_until_phase(Phase::kSucceeded));
}

TEST(Engine, RoutesThatWereThereAreTakenOverAndGivenBack) {
  Stage stage(canary_yaml(kQuick, "  revertOnDeletion: true\n"));
  stage.apply(
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api, namespace: default}\n"
      "spec: {hosts: [api], http: [{route: [{destination: {host: api, subset: old}}]}]}\n");
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return !stage.canary_weights.empty(); }));
  const boost::json::object taken = stage.object(kVirtualServiceType, "api");
  EXPECT_TRUE(owning_canary_uid(taken).empty());
  stage.store.remove({kCanaryType, "default", "api"}, {}, [](const store::WriteResult&) {});
  ASSERT_TRUE(stage.run_until([&] { return stage.object(kServiceType, "api-primary").empty(); }));
  const std::string routes = boost::json::serialize(stage.object(kVirtualServiceType, "api"));
  EXPECT_NE(routes.find("\"subset\":\"old\""), std::string::npos) << routes;
  EXPECT_EQ(routes.find("flagger"), std::string::npos) << routes;
  EXPECT_TRUE(stage.engine->view().empty());
}

TEST(Engine, WhatACanaryMadeGoesWithItEvenIfNobodyWatched) {
  Stage stage(canary_yaml(kQuick));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return !stage.canary_weights.empty(); }));
  stage.stop_engine();
  stage.store.remove({kCanaryType, "default", "api"}, {}, [](const store::WriteResult&) {});
  stage.start_engine();
  for (const char* type : {kServiceType, kVirtualServiceType, kDestinationRuleType}) {
    EXPECT_TRUE(stage.store.list(type).objects.empty()) << type;
  }
}

TEST(Engine, NothingIsTakenAwayWhereACanaryMayOnlyBeUnreadable) {
  Stage stage(canary_yaml(kQuick));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return !stage.canary_weights.empty(); }));
  stage.stop_engine();
  stage.store.remove({kCanaryType, "default", "api"}, {}, [](const store::WriteResult&) {});
  stage.complete = false;
  stage.start_engine();
  EXPECT_FALSE(stage.object(kVirtualServiceType, "api").empty());
}

TEST(Engine, ARevisionThatNobodyHasLookedAtGetsNoRequests) {
  // The weights of the canary Service fall before it selects another revision.
  Stage stage(
      canary_yaml("{interval: 3ms, stepWeight: 25, metrics: [{name: request-success-rate, noData: "
                  "inconclusive, thresholdRange: {min: 99}}]}"));
  stage.traffic.requests = 0;
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.add_workload("v2");
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 25; }));
  std::vector<std::string> order;
  const auto watch = stage.store.watch("", stage.store.version(), [&](const store::Event& event) {
    const store::ObjectKey& key = event.object->key;
    if (key.type == kVirtualServiceType || key.type == kServiceType)
      order.push_back(key.type + ' ' + key.name);
  });
  stage.add_workload("v3");
  ASSERT_TRUE(stage.run_until([&] { return selected_version(stage, "api-canary") == "v3"; }));
  EXPECT_EQ(order,
            (std::vector<std::string>{"virtualservices.networking.istio.io api", "services api-canary"}));
  EXPECT_EQ(stage.canary_weights.back(), 0);
}

TEST(Engine, AChangedServiceIsPutIntoTheObjects) {
  Stage stage(canary_yaml("{interval: 1h, stepWeight: 25}"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return !stage.object(kVirtualServiceType, "api").empty(); }));
  std::string yaml = canary_yaml("{interval: 1h, stepWeight: 25}");
  yaml.replace(yaml.find("{port: 8080}"), 12, "{port: 8080, timeout: 7s}");
  stage.apply(yaml);
  EXPECT_TRUE(stage.run_until([&] {
    return boost::json::serialize(stage.object(kVirtualServiceType, "api")).find("\"7s\"") !=
           std::string::npos;
  }));
}

TEST(Engine, OneCanarysTickDoesNotBlockAnothers) {
  // A hook that nobody answers holds its own canary only.
  Stage stage(
      canary_yaml("{interval: 3ms, stepWeight: 50, maxWeight: 50, webhooks: [{name: gate, type: "
                  "confirm-rollout, url: 'http://127.0.0.1:9/', timeout: 5s, retries: 5}]}"));
  std::string other = canary_yaml("{interval: 3ms, stepWeight: 50, maxWeight: 50}");
  other.replace(other.find("name: api,"), 10, "name: web,");
  other.replace(other.find("name: api}"), 10, "name: web}");
  stage.apply(other);
  for (const char* version : {"v1", "v2"}) {
    stage.apply(
        std::string("apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: web-") +
        version + ", namespace: default, creationTimestamp: '2026-01-01T00:00:00Z'}\n" +
        "spec: {address: 10.0.0.2, labels: {app: web, version: " + version + "}}\n");
  }
  stage.start_engine();
  stage.add_workload("v2");
  EXPECT_TRUE(stage.run_until([&] {
    const auto canary = stage.store.get({kCanaryType, "default", "web"});
    return status_of(canary->body).phase == Phase::kSucceeded;
  }));
  EXPECT_NE(stage.status().phase, Phase::kSucceeded);
}

}  // namespace
}  // namespace remora::rollout::test
