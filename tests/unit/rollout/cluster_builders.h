#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "unit/rollout/engine_builders.h"

namespace remora::rollout::test {

inline constexpr const char* kDeploymentType = "deployments.apps";

/// What a cluster's Deployment controller does, as far as a Deployment's status shows it: pods come and are
/// ready at once, unless their image says otherwise.
class DeploymentController {
 public:
  explicit DeploymentController(store::MemoryStore& store) : store_(store) {
    watch_ = store.watch(kDeploymentType, store.version(), [this](const store::Event& event) {
      if (event.type != store::EventType::kDeleted) act_on(*event.object);
    });
  }

  std::string bad_image;  ///< its pods are never ready
  bool asleep = false;

 private:
  void act_on(const store::Object& deployment) {
    const auto& spec = deployment.body.at("spec").get_object();
    const int64_t wanted = integer_of(spec, "replicas", 1);
    const std::string text = boost::json::serialize(spec);
    const bool bad = !bad_image.empty() && text.find(bad_image) != std::string::npos;
    boost::json::object body = deployment.body;
    const int64_t generation = integer_of(body.at("metadata").get_object(), "generation");
    boost::json::object status{{"observedGeneration", generation},
                               {"replicas", wanted},
                               {"updatedReplicas", wanted},
                               {"availableReplicas", bad ? 0 : wanted}};
    if (asleep || (body.contains("status") && body.at("status") == boost::json::value(status))) return;
    body["status"] = std::move(status);
    store_.update_status(deployment.key, std::move(body), {}, [](const store::WriteResult&) {});
  }

  store::MemoryStore& store_;
  store::ObjectStore::Watch watch_;
};

/// A stage whose workloads are Deployments. Notes whenever target and primary both have no pods.
class ClusterStage : public Stage {
 public:
  explicit ClusterStage(const std::string& canary) : Stage(""), controller(store) {
    for (const auto& object : store.list("workloadentries.networking.istio.io").objects) {
      store.remove(object->key, {}, [](const store::WriteResult&) {});
    }
    deploy("v1", 2);
    kubernetes = true;
    apply(canary);
    pods_ = store.watch(kDeploymentType, store.version(), [this](const store::Event&) { note_pods(); });
  }

  /// `kubectl apply` of the target with another image.
  void deploy(const std::string& version, int replicas = -1, const std::string& pod_more = "") {
    boost::json::object body =
        store::from_yaml(
            "apiVersion: apps/v1\nkind: Deployment\n"
            "metadata: {name: api, namespace: default}\n"
            "spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: "
            "{app: api, tier: back}}, spec: {containers: [{name: api, image: 'api:" +
            version + "'" + pod_more + "}]}}}\n")
            ->get_object();
    const store::ObjectKey key{kDeploymentType, "default", "api"};
    const auto present = store.get(key);
    if (replicas >= 0) body["spec"].get_object()["replicas"] = replicas;
    if (present && replicas < 0 && present->body.at("spec").get_object().contains("replicas"))
      body["spec"].get_object()["replicas"] = present->body.at("spec").at("replicas");
    put(key, std::move(body));
  }

  void put(const store::ObjectKey& key, boost::json::object body) {
    const auto check = [](const store::WriteResult& result) {
      const auto* error = std::get_if<store::WriteError>(&result);
      EXPECT_EQ(error, nullptr) << (error == nullptr ? "" : error->message);
    };
    if (const auto present = store.get(key)) {
      if (present->body.contains("status")) body["status"] = present->body.at("status");
      store.update(key, std::move(body), {}, check);
    } else {
      store.create(key, std::move(body), check);
    }
  }

  int64_t replicas(const std::string& name) const {
    const auto found = store.get({kDeploymentType, "default", name});
    return found ? integer_of(found->body.at("spec").get_object(), "replicas", 1) : -1;
  }

  std::string image(const std::string& name) const {
    const auto found = store.get({kDeploymentType, "default", name});
    if (!found) return "";
    const auto& containers = found->body.at("spec").at("template").at("spec").at("containers").as_array();
    return text_of(containers[0].get_object(), "image");
  }

  bool run_until_scaled_down() {
    return run_until([&] { return replicas("api") == 0; });
  }

  DeploymentController controller;
  int times_without_pods = 0;

 private:
  void note_pods() {
    if (replicas("api") <= 0 && replicas("api-primary") <= 0) ++times_without_pods;
  }

  store::ObjectStore::Watch pods_;
};

}  // namespace remora::rollout::test
