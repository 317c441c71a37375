#include <gtest/gtest.h>

#include "rollout/autoscaler.h"
#include "rollout/pod_template.h"
#include "rollout/workload_status.h"
#include "unit/rollout/cluster_builders.h"
#include "unit/rollout/crash_builders.h"

namespace remora::rollout::test {
namespace {

using Weights64 = std::vector<int64_t>;

boost::json::object selector(const Stage& stage, const std::string& service) {
  return stage.object(kServiceType, service).at("spec").at("selector").get_object();
}

TEST(Deployments, ThePrimaryIsACopyAndTheTargetIsScaledDown) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  ASSERT_TRUE(stage.run_until_scaled_down());
  const auto primary = stage.object(kDeploymentType, "api-primary");
  EXPECT_EQ(integer_of(primary.at("spec").get_object(), "replicas"), 2);
  EXPECT_EQ(boost::json::serialize(primary.at("spec").at("selector")),
            R"({"matchLabels":{"app":"api-primary"}})");
  const auto& labels = primary.at("spec").at("template").at("metadata").at("labels").get_object();
  EXPECT_EQ(text_of(labels, "app"), "api-primary");
  EXPECT_EQ(text_of(labels, "tier"), "back");
  EXPECT_FALSE(owning_canary_uid(primary).empty());
  EXPECT_EQ(text_of(selector(stage, "api"), "app"), "api-primary");
  EXPECT_EQ(text_of(selector(stage, "api-primary"), "app"), "api-primary");
  EXPECT_EQ(text_of(selector(stage, "api-canary"), "app"), "api");
  EXPECT_EQ(stage.canary_weights, (Weights64{0}));
  EXPECT_EQ(stage.times_without_pods, 0);
  EXPECT_FALSE(stage.events.empty());
}

TEST(Deployments, PodsGoWhenTheProxiesHaveTakenTheRoutes) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.proxies_follow = false;
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(60));  // twenty intervals
  EXPECT_EQ(stage.replicas("api"), 2);
  stage.proxies_follow = true;
  EXPECT_TRUE(stage.run_until_scaled_down());
}

TEST(Deployments, AProxyThatNeverTakesThemHoldsNothingUpForEver) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.proxies_follow = false;
  stage.patience = std::chrono::milliseconds(50);
  stage.start_engine();
  EXPECT_TRUE(stage.run_until_scaled_down());
}

TEST(Deployments, RoutesStayAsTheyAreUntilThePrimaryIsReady) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.controller.bad_image = "api:v1";
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return stage.replicas("api-primary") == 2; }));
  stage.context.restart();
  stage.context.run_for(std::chrono::milliseconds(30));
  EXPECT_EQ(stage.status().phase, Phase::kInitializing);
  EXPECT_TRUE(stage.object(kServiceType, "api").empty());
  EXPECT_TRUE(stage.object(kVirtualServiceType, "api").empty());
  EXPECT_EQ(stage.replicas("api"), 2);
}

void play(Trial& trial) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.put(
      {"configmaps", "default", "settings"},
      store::from_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\n"
                       "data: {a: b}\n")
          ->get_object());
  const std::string more = ", envFrom: [{configMapRef: {name: settings}}]";
  stage.deploy("v1", 2, more);
  begin(stage, trial);
  const Phase end = trial.good ? Phase::kSucceeded : Phase::kFailed;
  bool added = false;
  const bool ended = stage.run_until([&] {
    revive(stage);
    if (!added && stage.status().phase == Phase::kInitialized && stage.replicas("api") == 0) {
      added = true;
      stage.deploy("v2", -1, more);
    }
    return stage.status().phase == end && stage.canary_weights.back() == 0 && stage.replicas("api") == 0;
  });
  ASSERT_TRUE(ended) << to_string(stage.status().phase) << trial.where() << ": " << stage.status().message;
  expect_the_same_story(stage, trial);
  EXPECT_EQ(stage.times_without_pods, 0) << trial.where();
  EXPECT_EQ(stage.image("api-primary"), trial.good ? "api:v2" : "api:v1") << trial.where();
  EXPECT_EQ(stage.replicas("api-primary"), 2) << trial.where();
  trial.writes = stage.fragile->writes;
}

TEST(DeploymentsCrashSafety, WhereverItDiesTheRolloutGoesOnAsIfItHadNot) { play_with_every_fault(15, play); }

TEST(Deployments, ACanaryThatNeverGetsReadyIsRolledBack) {
  ClusterStage stage(canary_yaml(kQuick, "  progressDeadlineSeconds: 0\n"));
  stage.controller.bad_image = "api:v2";
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.deploy("v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed));
  EXPECT_EQ(stage.canary_weights, (Weights64{0}));
  ASSERT_TRUE(stage.run_until_scaled_down());
  EXPECT_EQ(stage.image("api-primary"), "api:v1");
}

TEST(Deployments, ATargetThatChangesInMidAnalysisBeginsAnew) {
  ClusterStage stage(canary_yaml("{interval: 1h, threshold: 2, stepWeight: 25}"));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.deploy("v2");
  ASSERT_TRUE(stage.run_until_phase(Phase::kProgressing));
  const std::string first = stage.status().last_applied;
  stage.deploy("v3");
  ASSERT_TRUE(stage.run_until([&] { return stage.status().last_applied != first; }))
      << "an hour is too long for pods that nobody has looked at";
  EXPECT_EQ(stage.status().phase, Phase::kProgressing);
  EXPECT_EQ(stage.status().weights.canary, 0U);
  stage.deploy("v1");
  ASSERT_TRUE(stage.run_until_phase(Phase::kFailed)) << stage.status().message;
  EXPECT_NE(stage.status().message.find("set back"), std::string::npos) << stage.status().message;
}

TEST(Deployments, AConfigMapsContentsAreARevisionAndItsCopyIsThePrimarys) {
  ClusterStage stage(canary_yaml(kQuick));
  const auto settings = [&](const std::string& value) {
    stage.put(
        {"configmaps", "default", "settings"},
        store::from_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\n"
                         "data: {mode: " +
                         value + "}\n")
            ->get_object());
  };
  settings("old");
  stage.deploy("v1", 2,
               ", envFrom: [{configMapRef: {name: settings}}, {configMapRef: {name: none, optional: true}}]");
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  const auto mode = [&] {
    const auto copy = stage.object("configmaps", "settings-primary");
    return copy.empty() ? "" : text_of(copy.at("data").get_object(), "mode");
  };
  EXPECT_EQ(mode(), "old");
  EXPECT_EQ(stage.status().tracked_configs.count("configmap/settings"), 1U);
  const std::string primary = boost::json::serialize(stage.object(kDeploymentType, "api-primary"));
  EXPECT_NE(primary.find("settings-primary"), std::string::npos) << primary;
  settings("new");
  ASSERT_TRUE(stage.run_until_phase(Phase::kProgressing));
  EXPECT_EQ(mode(), "old") << "only a promotion changes the primary";
  ASSERT_TRUE(stage.run_until_phase(Phase::kSucceeded));
  EXPECT_EQ(mode(), "new");
}

TEST(Deployments, AMissingConfigMapIsSaidAndNothingIsAnalysed) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.deploy("v2", -1, ", envFrom: [{configMapRef: {name: nowhere}}]");
  ASSERT_TRUE(stage.run_until([&] {
    const auto& conditions = stage.status().conditions;
    return !conditions.empty() && conditions.back().type == "Reconciled" &&
           conditions.back().status == "False";
  }));
  EXPECT_NE(stage.status().conditions.back().message.find("ConfigMap default/nowhere"), std::string::npos);
  EXPECT_EQ(stage.status().phase, Phase::kInitialized);
}

TEST(Deployments, AConfigMapThatCannotBeReadStopsTimeAndIsSaid) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.put(
      {"configmaps", "default", "settings"},
      store::from_yaml(
          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\ndata: {a: b}\n")
          ->get_object());
  stage.deploy("v1", 2, ", envFrom: [{configMapRef: {name: settings}}]");
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  stage.fragile->unreadable = "configmaps is forbidden";
  stage.deploy("v2", -1, ", envFrom: [{configMapRef: {name: settings}}]");
  const auto condition = [&] {
    const auto status = stage.status();
    return status.conditions.empty() ? "" : status.conditions.back().message;
  };
  EXPECT_TRUE(stage.run_until([&] {
    return condition().find("ConfigMap default/settings cannot be read: configmaps is forbidden") !=
           std::string::npos;
  })) << condition();
  EXPECT_EQ(stage.status().phase, Phase::kInitialized);
  stage.fragile->unreadable.clear();
  EXPECT_TRUE(stage.run_until_phase(Phase::kSucceeded));
}

TEST(Deployments, APrimaryThatIsTakenAwayIsMadeAnew) {
  ClusterStage stage(canary_yaml(kQuick));
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  ASSERT_TRUE(stage.run_until_scaled_down());
  stage.store.remove({kDeploymentType, "default", "api-primary"}, {}, [](const store::WriteResult&) {});
  ASSERT_TRUE(stage.run_until([&] { return stage.replicas("api-primary") > 0; }));
  EXPECT_EQ(stage.image("api-primary"), "api:v1");
}

TEST(Deployments, SomebodyElsesPrimaryIsLeftAlone) {
  ClusterStage stage(canary_yaml(kQuick));
  boost::json::object foreign = stage.object(kDeploymentType, "api");
  foreign["metadata"] = {{"name", "api-primary"}, {"namespace", "default"}};
  stage.put({kDeploymentType, "default", "api-primary"}, foreign);
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitializing));
  EXPECT_NE(stage.status().message.find("is not this Canary's"), std::string::npos) << stage.status().message;
}

/// A store in which there is an autoscaler, as a cluster has it and the embedded one has not.
class ScaledStore : public store::MemoryStore {
 public:
  store::ObjectPtr get(const store::ObjectKey& key) const override {
    const auto found = autoscalers.find(key.name);
    return key.type != kAutoscalerType || found == autoscalers.end() ? nullptr : found->second;
  }

  void add(const std::string& name, const std::string& spec) {
    auto object = std::make_shared<store::Object>();
    object->key = {kAutoscalerType, "default", name};
    object->version = 7;
    object->body = store::from_yaml(
                       "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: "
                       "{name: " +
                       name + ", namespace: default}\nspec: " + spec + "\n")
                       ->get_object();
    autoscalers[name] = object;
  }

  std::map<std::string, store::ObjectPtr> autoscalers;
};

TEST(Autoscaler, IsCopiedOnceAndFollowsOnlyAPromotion) {
  const istio::Canary spec =
      canary_spec(kQuick,
                  "  autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: web, "
                  "primaryScalerReplicas: {minReplicas: 5}}\n");
  store::Object canary;
  canary.key = {kCanaryType, "default", "api"};
  ScaledStore cluster;
  const auto missing = primary_autoscaler(cluster, spec, canary, false);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("HorizontalPodAutoscaler default/web does not exist"),
            std::string::npos);
  cluster.add("web",
              "{scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}, minReplicas: 3, "
              "maxReplicas: 9}");
  EXPECT_EQ(autoscaler_floor(cluster, spec, "default"), 3);
  const auto made = primary_autoscaler(cluster, spec, canary, false);
  ASSERT_TRUE(made.ok() && made->has_value());
  EXPECT_EQ((*made)->key.name, "web-primary");
  EXPECT_EQ((*made)->seen_version, 0U);
  const auto& bounds = (*made)->body.at("spec").get_object();
  EXPECT_EQ(integer_of(bounds, "minReplicas"), 5);
  EXPECT_EQ(integer_of(bounds, "maxReplicas"), 9);
  EXPECT_EQ(text_of(bounds.at("scaleTargetRef").get_object(), "name"), "api-primary");
  cluster.add("web-primary", "{minReplicas: 5, maxReplicas: 4}");
  EXPECT_FALSE(primary_autoscaler(cluster, spec, canary, false)->has_value());
  const auto followed = primary_autoscaler(cluster, spec, canary, true);
  ASSERT_TRUE(followed.ok() && followed->has_value());
  EXPECT_EQ((*followed)->seen_version, 7U);
  EXPECT_EQ(integer_of((*followed)->body.at("spec").get_object(), "maxReplicas"), 9);
}

Revision daemon_revision(const std::string& status) {
  Revision revision;
  const auto body = store::from_yaml("metadata: {generation: 3}\nspec: {}\nstatus: " + status + "\n");
  read_daemon_set(body->get_object(), revision);
  return revision;
}

TEST(DaemonSets, AreReadyAndScaledByFlaggersRules) {
  EXPECT_FALSE(daemon_revision("{observedGeneration: 2, desiredNumberScheduled: 2}").not_ready.empty());
  EXPECT_EQ(daemon_revision("{observedGeneration: 3, desiredNumberScheduled: 2, updatedNumberScheduled: 1}")
                .not_ready,
            "1 of 2 pods are updated");
  const Revision ready = daemon_revision(
      "{observedGeneration: 3, desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 2}");
  EXPECT_TRUE(ready.not_ready.empty());
  EXPECT_EQ(ready.ready, 2U);

  boost::json::object set =
      store::from_yaml("spec: {template: {spec: {containers: [{name: api}]}}}\n")->get_object();
  const std::string before = template_fingerprint(*pod_template(set));
  scale_down(set, true);
  EXPECT_TRUE(is_scaled_down(set, true));
  EXPECT_EQ(template_fingerprint(*pod_template(set)), before) << "that is no new revision";
  scale_up(set, true, 1);
  EXPECT_FALSE(is_scaled_down(set, true));
}

TEST(Deployments, ANewLeaderSignsBeforeItDoesAnything) {
  ClusterStage stage(canary_yaml("{interval: 1h, threshold: 5, stepWeight: 25}"));
  stage.identity = "one";
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  EXPECT_EQ(stage.status().driver, "one");
  stage.stop_engine();
  stage.identity = "two";
  std::vector<std::string> written;
  const auto watch = stage.store.watch("", stage.store.version(), [&](const store::Event& event) {
    written.push_back(event.object->key.type);
  });
  stage.start_engine();
  ASSERT_TRUE(stage.run_until([&] { return stage.status().driver == "two"; }));
  ASSERT_FALSE(written.empty());
  EXPECT_EQ(written.front(), kCanaryType);
}

TEST(Deployments, ATargetIsGivenBackBeforeItsCanaryGoes) {
  ClusterStage stage(canary_yaml(kQuick, "  revertOnDeletion: true\n"));
  stage.apply(
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: api, namespace: default}\n"
      "spec: {hosts: [api], http: [{route: [{destination: {host: api, subset: old}}]}]}\n");
  stage.start_engine();
  ASSERT_TRUE(stage.run_until_phase(Phase::kInitialized));
  ASSERT_TRUE(stage.run_until_scaled_down());
  const auto finalizers = [&] {
    return boost::json::serialize(stage.object(kCanaryType, "api").at("metadata"));
  };
  EXPECT_NE(finalizers().find("finalizer.flagger.app"), std::string::npos) << finalizers();
  // As an API server does it where there are finalizers.
  boost::json::object canary = stage.object(kCanaryType, "api");
  canary["metadata"].get_object()["deletionTimestamp"] = "2026-11-21T10:00:00Z";
  stage.put({kCanaryType, "default", "api"}, canary);
  ASSERT_TRUE(
      stage.run_until([&] { return finalizers().find("finalizer.flagger.app") == std::string::npos; }));
  EXPECT_EQ(stage.replicas("api"), 2);
  EXPECT_EQ(stage.status().phase, Phase::kTerminating);
  const std::string routes = boost::json::serialize(stage.object(kVirtualServiceType, "api"));
  EXPECT_NE(routes.find("\"subset\":\"old\""), std::string::npos) << routes;
}

}  // namespace
}  // namespace remora::rollout::test
