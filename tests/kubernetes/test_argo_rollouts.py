"""A stock Argo Rollouts drives the weights: what it writes into our VirtualService is what the proxies do."""

import pytest
from support.cluster_life import ISTIO, SERVICES
from support.cluster_rollout import ClusterRollout
from support.other_controllers import ArgoRollouts, Recorder, define_argo_kinds, program
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(program("argo_rollouts") is None, reason="no Argo Rollouts here: `./dev test --kubernetes` builds it")
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts"


@pytest.fixture(name="mesh")
def _mesh(populated, closing, tmp_path):
    define_argo_kinds(populated)
    populated.kubectl("wait", "--for=condition=established", "crd", "--all", "--timeout=60s")
    mesh = ClusterRollout(tmp_path, populated, closing, "--rollouts", "off")
    mesh.argo = closing(ArgoRollouts(populated.kubeconfig("admin", "system:masters")))
    return mesh


def rollout(image):
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "shop"}, "spec": {
        "replicas": 2, "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop"}}, "spec": {"containers": [{"name": "app", "image": image}]}},
        "strategy": {"canary": {
            "canaryService": "shop-canary", "stableService": "shop-stable",
            "trafficRouting": {"istio": {"virtualService": {"name": "shop", "routes": ["primary"]}}},
            "steps": [{"setWeight": 25}, {"pause": {"duration": "3s"}}, {"setWeight": 60}, {"pause": {}}]}}}}


def test_argo_moves_the_weights_and_requests_follow(mesh):
    for name in ("shop", "shop-stable", "shop-canary"):
        mesh.apply(f"{SERVICES}/{name}", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {
            "selector": {"app": "shop"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
    mesh.kubernetes.request("POST", f"{ISTIO}/virtualservices", {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "shop"}, "spec": {
            "hosts": ["shop"], "http": [{"name": "primary", "route": [
                {"destination": {"host": "shop-stable"}, "weight": 100}, {"destination": {"host": "shop-canary"}, "weight": 0}]}]}})
    recorder = Recorder(mesh.kubernetes, "shop")
    wait_until(lambda: recorder.weights == [(100, 0)], "the recorder watches")
    mesh.kubernetes.request("POST", ROLLOUTS, rollout("app:1"))

    def status():
        return mesh.get(ROLLOUTS, "shop").get("status", {})
    wait_until(lambda: status().get("phase") == "Healthy", lambda: f"the first revision: {status()}\n{mesh.argo.tail()}", 90)
    mesh.wait_answer("shop", image="app:1")
    with mesh.traffic("shop") as load:
        mesh.apply(f"{ROLLOUTS}/shop", rollout("app:2"))
        wait_until(lambda: (75, 25) in recorder.weights, lambda: f"the first step: {status()}\n{mesh.argo.tail()}", 60)
        wait_until(lambda: recorder.weights[-1] == (40, 60) and status().get("phase") == "Paused", lambda: f"the second: {status()}", 60)
        begin = len(load.answers)
        wait_until(lambda: len(load.answers) > begin + 400, "enough requests")
        share = sum(image == "app:2" for _, _, image in load.answers[begin:]) / len(load.answers[begin:])
        assert 0.5 < share < 0.7, share
        mesh.kubernetes.request("PATCH", f"{ROLLOUTS}/shop/status", {"status": {"promoteFull": True}}, "application/merge-patch+json")
        wait_until(lambda: status().get("phase") == "Healthy", lambda: f"promoted: {status()}\n{mesh.argo.tail()}", 90)
        mesh.wait_answer("shop", image="app:2")
        wait_until(lambda: recorder.weights[-1] == (100, 0), lambda: f"all to what is stable now: {recorder.weights}")
    assert recorder.weights[:3] == [(100, 0), (75, 25), (40, 60)]
    assert not load.failures()
