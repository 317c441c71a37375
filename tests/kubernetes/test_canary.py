"""Canaries on Deployments of a real API server. No pods run: the test says of Deployments what their controller would."""

import threading

import pytest
from support.cluster_control import ClusterControl
from support.proxy import ROOT
from support.waiting import wait_until

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CANARIES = "/apis/flagger.app/v1beta1/namespaces/default/canaries"
SERVICES = "/api/v1/namespaces/default/services"
ROUTES = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"


class DeploymentController:
    """Pods come at once, and are ready unless their image is called bad."""

    def __init__(self, kubernetes):
        self.kubernetes, self.stopped = kubernetes, threading.Event()
        self.without_pods = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def stop(self):
        self.stopped.set()
        self.thread.join()

    def _run(self):
        while not self.stopped.wait(0.05):
            found = {item["metadata"]["name"]: item for item in self.kubernetes.request("GET", DEPLOYMENTS)["items"]}
            for name, deployment in found.items():
                primary = found.get(f"{name}-primary")
                if primary and not deployment["spec"]["replicas"] and not primary["spec"]["replicas"]:
                    self.without_pods.append(name)
                self._act(name, deployment)

    def _act(self, name, deployment):
        generation, replicas = deployment["metadata"]["generation"], deployment["spec"]["replicas"]
        if deployment.get("status", {}).get("observedGeneration") == generation:
            return
        bad = "bad" in deployment["spec"]["template"]["spec"]["containers"][0]["image"]
        self.kubernetes.request("PATCH", f"{DEPLOYMENTS}/{name}/status", {"status": {
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "availableReplicas": 0 if bad else replicas, "readyReplicas": 0 if bad else replicas}})


@pytest.fixture(name="cluster", scope="module")
def _cluster(kubernetes):
    kubernetes.kubectl("apply", "--server-side", "-f", ROOT / "docker" / "kubernetes" / "crds.yaml")
    controller = DeploymentController(kubernetes)
    yield kubernetes
    controller.stop()
    assert not controller.without_pods, "target and primary were both scaled down"


@pytest.fixture(name="control")
def _control(cluster, closing, tmp_path):
    return closing(ClusterControl(tmp_path, cluster.kubeconfig("admin", "system:masters"), "--rollout-min-interval", "200"))


def roll_out(cluster, name, **more):
    cluster.request("POST", "/api/v1/namespaces/default/configmaps", {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-settings"}, "data": {"mode": "old"}})
    cluster.request("POST", DEPLOYMENTS, {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [
                {"name": "app", "image": "app:1", "envFrom": [{"configMapRef": {"name": f"{name}-settings"}}]}]}}}})
    cluster.request("POST", CANARIES, {
        "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name},
        "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, "service": {"port": 80},
                 "analysis": {"interval": "200ms", "threshold": 2, "stepWeight": 25, "maxWeight": 50}, **more}})
    wait_phase(cluster, name, "Initialized")
    wait_scaled_down(cluster, name)


def set_image(cluster, name, image):
    cluster.kubectl("set", "image", f"deployment/{name}", f"app={image}", "-n", "default")


def wait_phase(cluster, name, phase):
    def status():
        return cluster.request("GET", f"{CANARIES}/{name}").get("status", {})
    return wait_until(lambda: status().get("phase") == phase and status(), lambda: f"{name} is {phase}: {status()}", 60)


def wait_scaled_down(cluster, name):
    wait_until(lambda: cluster.request("GET", f"{DEPLOYMENTS}/{name}")["spec"]["replicas"] == 0, f"{name} is scaled down", 30)


def primary_of(cluster, name):
    return cluster.request("GET", f"{DEPLOYMENTS}/{name}-primary")["spec"]


def test_a_good_revision_becomes_the_primary_and_a_bad_one_does_not(cluster, control):
    assert control
    roll_out(cluster, "api", progressDeadlineSeconds=2)
    primary = primary_of(cluster, "api")
    assert primary["replicas"] == 2 and primary["selector"]["matchLabels"] == {"app": "api-primary"}
    assert cluster.request("GET", f"{SERVICES}/api")["spec"]["selector"] == {"app": "api-primary"}
    assert cluster.request("GET", f"{SERVICES}/api-canary")["spec"]["selector"] == {"app": "api"}

    set_image(cluster, "api", "app:2")
    status = wait_phase(cluster, "api", "Succeeded")
    weights = [entry["weight"] for entry in status["rollout"]["timeline"] if entry["decision"] == "advance"]
    assert weights == [25, 50]
    assert primary_of(cluster, "api")["template"]["spec"]["containers"][0]["image"] == "app:2"
    wait_scaled_down(cluster, "api")

    set_image(cluster, "api", "app:bad")
    wait_phase(cluster, "api", "Failed")
    wait_scaled_down(cluster, "api")
    assert primary_of(cluster, "api")["template"]["spec"]["containers"][0]["image"] == "app:2"
    routes = cluster.request("GET", f"{ROUTES}/api")["spec"]["http"][0]["route"]
    assert [(to["destination"]["host"], to["weight"]) for to in routes] == [("api-primary", 100), ("api-canary", 0)]


def test_a_configmap_is_part_of_a_revision(cluster, control):
    assert control
    roll_out(cluster, "settled")
    path = "/api/v1/namespaces/default/configmaps/settled-settings"
    assert cluster.request("GET", f"{path}-primary")["data"] == {"mode": "old"}
    cluster.request("PATCH", path, {"data": {"mode": "new"}})
    status = wait_phase(cluster, "settled", "Succeeded")
    assert list(status["trackedConfigs"]) == ["configmap/settled-settings"]
    assert cluster.request("GET", f"{path}-primary")["data"] == {"mode": "new"}


def test_a_target_is_given_back_before_its_canary_goes(cluster, control):
    assert control
    roll_out(cluster, "returned", revertOnDeletion=True)
    canary = cluster.request("GET", f"{CANARIES}/returned")
    assert canary["metadata"]["finalizers"] == ["finalizer.flagger.app"]
    cluster.kubectl("delete", "canary", "returned", "-n", "default", "--timeout=30s")
    assert cluster.request("GET", f"{DEPLOYMENTS}/returned")["spec"]["replicas"] == 2
