#include <gtest/gtest.h>

#include "unit/rollout/cluster_builders.h"

// Several control planes over one store, and a store that takes nothing any more.
namespace remora::rollout::test {
namespace {

using Weights64 = std::vector<int64_t>;

const char* const kLeisurely =
    "{interval: 30ms, threshold: 2, maxWeight: 75, stepWeight: 25, metrics: [{name: request-success-rate, "
    "interval: 1ms, thresholdRange: {min: 99}}]}";

/// A stage under the leader "one", in mid analysis.
void bring_to(Stage& stage, const char* leader, int64_t weight) {
  stage.identity = leader;
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.add_workload("v2");
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == weight; }));
}

TEST(HandOver, WhatTheOldLeaderWasAboutToWriteIsRefused) {
  Stage stage(canary_yaml(kLeisurely));
  ASSERT_NO_FATAL_FAILURE(bring_to(stage, "one", 25));
  stage.fragile->slow = true;  // its next decision hangs
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(60));

  FragileStore other(stage.store);
  const auto next = stage.make_engine(other, "two");
  next->start();
  ASSERT_TRUE(
      stage.run_until([&] { return stage.status().driver == "two" && stage.canary_weights.back() == 50; }));
  const int64_t advanced = stage.decisions("advance");
  stage.fragile->arrive();
  EXPECT_EQ(stage.status().driver, "two") << "the old leader's decision came too late";
  EXPECT_EQ(stage.decisions("advance"), advanced);
  stage.engine->stop();
  ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded));
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 50, 75, 0}));
  EXPECT_EQ(stage.decisions("advance"), 3);
  next->stop();
}

TEST(HandOver, AStoppedLeaderWritesNothingAndMayLeadAgain) {
  Stage stage(canary_yaml(kLeisurely));
  ASSERT_NO_FATAL_FAILURE(bring_to(stage, "one", 25));
  stage.engine->stop();
  const int writes = stage.fragile->writes;
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(100));
  EXPECT_EQ(stage.fragile->writes, writes);
  EXPECT_EQ(stage.status().phase, Phase::kProgressing);
  ASSERT_EQ(stage.engine->view().size(), 1U) << "it is shown all the same";
  EXPECT_EQ(text_of(stage.engine->view()[0].get_object(), "phase"), "Progressing");
  std::string refused;
  stage.engine->act({kCanaryType, "default", "api"}, Action::kAbort,
                    [&](const Result<void>& result) { refused = result.ok() ? "" : result.error().message; });
  EXPECT_NE(refused.find("another control plane"), std::string::npos);
  stage.engine->start();
  stage.engine->start();  // it drives already
  ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded));
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 50, 75, 0}));
}

TEST(HandOver, WhoFollowsShowsWhatTheLeaderShows) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.identity = "one";
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  ASSERT_TRUE(stage.run_until_scaled_down());
  FragileStore other(stage.store);
  other.context = &stage.context;
  const auto follower = stage.make_engine(other, "two");
  const auto shown = [](const Engine& engine) {
    boost::json::object rollout = engine.view().at(0).get_object();
    rollout.erase("nextTick");  // of the leader's own clock while nothing moves
    return boost::json::serialize(rollout);
  };
  ASSERT_TRUE(stage.run_until([&] { return shown(*follower) == shown(*stage.engine); }))  // at its next look
      << shown(*follower) << ", not " << shown(*stage.engine);
  stage.deploy("v2", -1, ", envFrom: [{configMapRef: {name: nowhere}}]");
  const auto message = [](const Engine& engine) {
    return text_of(engine.view().at(0).get_object(), "message");
  };
  ASSERT_TRUE(
      stage.run_until([&] { return message(*stage.engine).find("default/nowhere") != std::string::npos; }));
  ASSERT_TRUE(stage.run_until([&] { return message(*follower) == message(*stage.engine); }))
      << message(*follower) << ", not " << message(*stage.engine);
}

TEST(HandOver, AtAnyMomentOfARolloutTheNextLeaderGoesOnWhereTheOldOneWas) {
  for (int after = 1; after <= 12 && !::testing::Test::HasFailure(); ++after) {
    ClusterStage stage(canary_yaml(kQuick));
    stage.identity = "one";
    stage.start_engine();
    ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
    ASSERT_TRUE(stage.run_until_scaled_down());
    const int before = stage.fragile->writes;
    stage.deploy("v2");
    stage.run_until([&] { return stage.fragile->writes >= before + after; });
    stage.fragile->slow = true;  // a partition: it lives, and believes that it leads
    FragileStore other(stage.store);
    other.context = &stage.context;
    const auto next = stage.make_engine(other, "two");
    next->start();
    ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded)) << after;
    stage.fragile->arrive();
    ASSERT_TRUE(stage.run_until([&] { return stage.replicas("api") == 0; })) << after;
    stage.engine->stop();
    EXPECT_EQ(stage.status().phase, Phase::kSucceeded) << after;
    EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 50, 0})) << after;
    EXPECT_EQ(stage.image("api-primary"), "api:v2") << after;
    EXPECT_EQ(stage.times_without_pods, 0) << after;
    next->stop();
  }
}

TEST(FullDisk, ACanaryThatFailsLosesItsRequestsAllTheSame) {
  Stage stage(canary_yaml(kQuick));
  ASSERT_NO_FATAL_FAILURE(bring_to(stage, "", 25));
  stage.fragile->full = true;
  stage.traffic.failures = 50;
  ASSERT_TRUE(stage.run_until([&] { return !stage.held.empty(); }));
  const std::string shown = boost::json::serialize(stage.held.back().at("spec"));
  EXPECT_NE(shown.find(R"({"destination":{"host":"api-canary"},"weight":0})"), std::string::npos) << shown;
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25})) << "nothing was stored";
  EXPECT_EQ(stage.status().phase, Phase::kProgressing);

  stage.fragile->full = false;
  stage.traffic.failures = 0;  // it gets no requests, so it looks well
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed));
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 0; }));
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 0}));
  EXPECT_EQ(stage.decisions("rollback"), 1);
  EXPECT_EQ(stage.held.size(), 1U);
}

TEST(FullDisk, KilledMeanwhileNoWeightMovesTwice) {
  Stage stage(canary_yaml(kQuick));
  ASSERT_NO_FATAL_FAILURE(bring_to(stage, "", 25));
  stage.fragile->full = true;
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(30));  // good checks, no step
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25}));
  stage.traffic.failures = 50;
  ASSERT_TRUE(stage.run_until([&] { return stage.held.size() == 1; }));
  stage.stop_engine();  // kill -9

  stage.fragile = std::make_unique<FragileStore>(stage.store);
  stage.fragile->full = true;
  stage.engine = stage.make_engine(*stage.fragile, "");
  stage.engine->start();
  ASSERT_TRUE(stage.run_until([&] { return stage.held.size() == 2; }))
      << "what was held went with the process";
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25}));
  EXPECT_EQ(stage.status().phase, Phase::kProgressing);
  stage.fragile->full = false;
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed));
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 0; }));
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 0}));
  EXPECT_EQ(stage.decisions("advance"), 1);
}

std::string service_canary() {
  std::string yaml = canary_yaml(kQuick);
  const std::string from = "{apiVersion: apps/v1, kind: Deployment, name: api}";
  return yaml.replace(yaml.find(from), from.size(), "{apiVersion: v1, kind: Service, name: api}");
}

std::string service_for(const std::string& version) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: api, namespace: default}\nspec: {selector: {app: "
         "api, "
         "version: " +
         version + "}, ports: [{name: http, port: 8080}]}\n";
}

TEST(ServiceTarget, AChangeOfTheServiceIsARevision) {
  Stage stage(service_canary());
  stage.apply(service_for("v1"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  const auto selected = [&](const char* name) {
    return text_of(stage.object(kServiceType, name).at("spec").at("selector").get_object(), "version");
  };
  EXPECT_EQ(selected("api-primary"), "v1");
  EXPECT_TRUE(owned_by(stage.object(kServiceType, "api-primary"), uid_of(stage.object(kCanaryType, "api"))));
  stage.apply(service_for("v2"));
  ASSERT_TRUE(stage.run_until([&] { return stage.canary_weights.back() == 25; }));
  EXPECT_EQ(selected("api-primary"), "v1");
  EXPECT_EQ(selected("api-canary"), "v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded));
  EXPECT_EQ(selected("api-primary"), "v2");
  EXPECT_EQ(stage.canary_weights, (Weights64{0, 25, 50, 0}));

  stage.traffic.failures = 50;
  stage.apply(service_for("v3"));
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed));
  EXPECT_EQ(selected("api-primary"), "v2");
  EXPECT_EQ(stage.canary_weights.back(), 0);
}

TEST(ServiceTarget, WithoutTheServiceItIsSaid) {
  Stage stage(service_canary());
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitializing));
  EXPECT_NE(stage.status().message.find("Service default/api does not exist"), std::string::npos)
      << stage.status().message;
}

}  // namespace
}  // namespace remora::rollout::test
