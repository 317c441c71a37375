"""Canaries on workloads of a real API server, judged by requests that a real proxy makes of real servers.

The test plays kubelet and the controllers (support.cluster_life); nobody but `remora-control` decides about weights, copies and sizes.
"""

import pytest
from support.cluster_life import APPS, CANARIES, CONFIGS, ISTIO, SCALING, SERVICES
from support.cluster_rollout import ClusterRollout
from support.waiting import wait_until


@pytest.fixture(scope="module", name="mesh")
def _mesh(populated, tmp_path_factory, module_closing):
    return ClusterRollout(tmp_path_factory.mktemp("rollout"), populated, module_closing)


def owner_of(thing):
    (owner,) = thing["metadata"]["ownerReferences"]
    return owner["kind"], owner["name"], owner["controller"]


@pytest.fixture(scope="module", name="born")
def _born(mesh):
    mesh.begin("born", service={"portName": "http", "retries": {"attempts": 2}, "timeout": "5s",
                                "trafficPolicy": {"tls": {"mode": "DISABLE"}}, "primary": {"labels": {"side": "stable"}}})
    return mesh


class TestInitialisation:
    def test_the_primary_is_a_copy_under_another_name(self, born):
        target, primary = born.workload("born"), born.workload("born-primary")
        assert target["spec"]["replicas"] == 0 and primary["spec"]["replicas"] == 2
        assert primary["spec"]["selector"]["matchLabels"] == {"app": "born-primary"}
        assert primary["spec"]["template"]["metadata"]["labels"] == {"app": "born-primary"}
        assert primary["spec"]["template"]["spec"] == target["spec"]["template"]["spec"]
        assert owner_of(primary) == ("Canary", "born", True) and "ownerReferences" not in target["metadata"]

    def test_three_services_lead_to_them(self, born):
        for name, selected in (("born", "born-primary"), ("born-primary", "born-primary"), ("born-canary", "born")):
            service = born.get(SERVICES, name)
            assert service["spec"]["selector"] == {"app": selected} and owner_of(service) == ("Canary", "born", True)
            (port,) = service["spec"]["ports"]
            assert (port["name"], port["port"], port["targetPort"]) == ("http", 80, 8080)
        assert born.get(SERVICES, "born-primary")["metadata"]["labels"] == {"app": "born-primary", "side": "stable"}

    def test_rules_and_routes_are_there(self, born):
        for name in ("born-primary", "born-canary"):
            rule = born.get(f"{ISTIO}/destinationrules", name)
            assert rule["spec"] == {"host": name, "trafficPolicy": {"tls": {"mode": "DISABLE"}}}
            assert owner_of(rule) == ("Canary", "born", True)
        routes = born.get(f"{ISTIO}/virtualservices", "born")
        assert owner_of(routes) == ("Canary", "born", True)
        assert routes["spec"] == {"hosts": ["born"], "gateways": ["mesh"], "http": [{
            "retries": {"attempts": 2}, "timeout": "5s", "route": [
                {"destination": {"host": "born-primary"}, "weight": 100}, {"destination": {"host": "born-canary"}, "weight": 0}]}]}

    def test_requests_are_answered_by_the_primary(self, born):
        assert born.wait_answer("born", image="app:1")["pod"].startswith("born-primary-")


class TestAnalysis:
    def test_a_good_revision_is_promoted_under_load(self, mesh):
        mesh.begin("good")
        mesh.wait_answer("good", image="app:1")
        with mesh.traffic("good") as load:
            mesh.set_image("good", "app:2")
            mesh.wait_phase("good", "Succeeded")
            mesh.wait_rest("good")
            mesh.wait_answer("good", image="app:2")
        assert not load.failures() and load.images() == {"app:1", "app:2"}
        assert mesh.decisions("good", "advance") == [25, 50]
        assert mesh.image("good-primary") == "app:2" and mesh.workload("good-primary")["spec"]["replicas"] == 2
        assert mesh.weights("good") == [("good-primary", 100), ("good-canary", 0)]

    def test_a_revision_that_fails_is_taken_back(self, mesh):
        mesh.begin("poor")
        mesh.wait_answer("poor", image="app:1")
        with mesh.traffic("poor") as load:
            mesh.set_image("poor", "app:bad")
            status = mesh.wait_phase("poor", "Failed")
            mesh.wait_rest("poor")
        assert {status for _, status, _ in load.failures()} == {500}
        assert len(load.failures()) < len(load.answers) / 4
        checks = [check for entry in status["rollout"]["timeline"] for check in entry.get("checks", []) if check["outcome"] == "fail"]
        assert checks and all(check["name"] == "request-success-rate" and check["value"] < 99 for check in checks)
        assert mesh.image("poor-primary") == "app:1" and mesh.weights("poor") == [("poor-primary", 100), ("poor-canary", 0)]
        assert mesh.wait_answer("poor", image="app:1")

        mesh.set_image("poor", "app:3")  # the cure
        with mesh.traffic("poor") as load:
            mesh.wait_phase("poor", "Succeeded")
        assert not load.failures() and mesh.image("poor-primary") == "app:3"

    def test_pods_that_never_get_ready_get_no_request(self, mesh):
        mesh.begin("stuck", progressDeadlineSeconds=2)
        mesh.wait_answer("stuck", image="app:1")
        with mesh.traffic("stuck") as load:
            mesh.set_image("stuck", "app:dead")
            mesh.wait_phase("stuck", "Failed")
        assert not load.failures() and load.images() == {"app:1"} and not mesh.decisions("stuck", "advance")
        mesh.wait_rest("stuck")

    def test_a_daemonset_is_a_target_too(self, mesh):
        mesh.begin("daemon", kind="DaemonSet")
        mesh.wait_answer("daemon", image="app:1")
        with mesh.traffic("daemon") as load:
            mesh.set_image("daemon", "app:2", "DaemonSet")
            mesh.wait_phase("daemon", "Succeeded")
            mesh.wait_rest("daemon", "DaemonSet")
            mesh.wait_answer("daemon", image="app:2")
        assert not load.failures() and mesh.image("daemon-primary", "DaemonSet") == "app:2"
        assert not mesh.workload("daemon-primary", "DaemonSet")["spec"]["template"]["spec"].get("nodeSelector")


    def test_connections_of_a_tcp_service_are_steered(self, mesh):
        mesh.begin("wire", service={"port": 5432, "portName": "tcp", "appProtocol": "tcp"}, analysis={"metrics": []})
        mesh.wait_answer("wire", 5432, image="app:1")
        with mesh.traffic("wire", port=5432) as load:
            mesh.set_image("wire", "app:2")
            mesh.wait_phase("wire", "Succeeded")
            mesh.wait_rest("wire")
            mesh.wait_answer("wire", 5432, image="app:2")
        assert not load.failures() and load.images() == {"app:1", "app:2"} and mesh.decisions("wire", "advance") == [25, 50]
        assert "http" not in mesh.get(f"{ISTIO}/virtualservices", "wire")["spec"]
        assert mesh.weights("wire") == [("wire-primary", 100), ("wire-canary", 0)]

    def test_a_service_that_selects_others_is_a_revision(self, mesh):
        def select(version):
            mesh.apply(f"{SERVICES}/swap", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "swap"}, "spec": {
                "selector": {"app": "swap", "version": version}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
        for version in ("a", "b"):
            mesh.deploy(f"swap-{version}", f"app:{version}", labels={"app": "swap", "version": version})
        select("a")
        canary = mesh.canary("swap")
        canary["spec"]["targetRef"] = {"apiVersion": "v1", "kind": "Service", "name": "swap"}
        mesh.kubernetes.request("POST", CANARIES, canary)
        mesh.wait_phase("swap", "Initialized")
        mesh.wait_answer("swap", image="app:a")
        with mesh.traffic("swap") as load:
            select("b")
            mesh.wait_phase("swap", "Succeeded")
            mesh.wait_answer("swap", image="app:b")
        assert not load.failures() and mesh.decisions("swap", "advance") == [25, 50]
        assert mesh.get(SERVICES, "swap-primary")["spec"]["selector"]["version"] == "b"


class TestConfigurations:
    def test_a_change_is_a_revision_and_the_primary_keeps_its_own_until_it_is_promoted(self, mesh):
        mesh.configure("configmaps", "set-map", mode="old")
        mesh.configure("secrets", "set-secret", word="old")
        mesh.begin("set", settings=[{"configMapRef": {"name": "set-map"}}, {"secretRef": {"name": "set-secret"}}])
        assert mesh.wait_answer("set", mode="old")["pod"].startswith("set-primary-")
        for kind, name in (("configmaps", "set-map"), ("secrets", "set-secret")):
            assert owner_of(mesh.get(CONFIGS[kind], f"{name}-primary")) == ("Canary", "set", True)

        with mesh.traffic("set") as load:
            for kind, name, field in (("configmaps", "set-map", "mode"), ("secrets", "set-secret", "word")):
                before = mesh.get(CONFIGS[kind], f"{name}-primary")["data"]
                mesh.configure(kind, name, **{field: "new"})
                mesh.wait_phase("set", "Progressing")
                assert mesh.get(CONFIGS[kind], f"{name}-primary")["data"] == before
                status = mesh.wait_phase("set", "Succeeded")
                assert mesh.get(CONFIGS[kind], f"{name}-primary")["data"] == mesh.get(CONFIGS[kind], name)["data"] != before
        assert not load.failures()
        assert sorted(status["trackedConfigs"]) == ["configmap/set-map", "secret/set-secret"]
        mesh.wait_answer("set", mode="new")

    def test_a_missing_one_is_said_and_nothing_moves(self, mesh):
        mesh.configure("configmaps", "gone-map", mode="old")
        mesh.begin("gone", settings=[{"configMapRef": {"name": "gone-map"}}])
        mesh.kubernetes.request("DELETE", f"{CONFIGS['configmaps']}/gone-map")
        mesh.set_image("gone", "app:2")

        def condition():
            return next((each for each in mesh.status("gone")["conditions"] if each["type"] == "Reconciled"), {"status": "True"})
        wait_until(lambda: condition()["status"] == "False", lambda: f"it is said: {condition()}")
        assert "ConfigMap default/gone-map" in condition()["message"] and mesh.status("gone")["phase"] == "Initialized"
        mesh.configure("configmaps", "gone-map", mode="new")
        with mesh.traffic("gone"):
            mesh.wait_phase("gone", "Succeeded")
        wait_until(lambda: condition()["status"] == "True", lambda: f"all is well: {condition()}")


def test_an_autoscaler_is_copied_for_the_primary_and_sizes_are_its_own(mesh):
    mesh.apply(f"{SCALING}/sized", {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "sized"}, "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sized"}, "minReplicas": 1, "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 90}}}]}})
    mesh.begin("sized", autoscalerRef={"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "sized",
                                       "primaryScalerReplicas": {"minReplicas": 3, "maxReplicas": 9}})
    copy = mesh.get(SCALING, "sized-primary")
    assert copy["spec"]["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "sized-primary"}
    assert (copy["spec"]["minReplicas"], copy["spec"]["maxReplicas"]) == (3, 9) and owner_of(copy) == ("Canary", "sized", True)
    mesh.apply(f"{APPS}/deployments/sized-primary/scale", {
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "sized-primary"}, "spec": {"replicas": 3}})
    mesh.wait_answer("sized", image="app:1")
    with mesh.traffic("sized") as load:
        mesh.set_image("sized", "app:2")
        mesh.wait_phase("sized", "Progressing")
        wait_until(lambda: mesh.workload("sized")["spec"]["replicas"] == 1, "the canary begins as small as its autoscaler allows")
        mesh.wait_phase("sized", "Succeeded")
    assert not load.failures() and mesh.workload("sized-primary")["spec"]["replicas"] == 3, "whatever the target has"
    mesh.wait_rest("sized")


class TestDeletion:
    def test_what_the_canary_made_goes_and_what_it_did_not_make_stays(self, mesh):
        mesh.configure("configmaps", "left-map", mode="old")
        mesh.begin("left", settings=[{"configMapRef": {"name": "left-map"}}])
        mesh.kubernetes.kubectl("delete", "canary", "left", "-n", "default", "--timeout=30s")
        removed = [thing for thing in mesh.life.collect_garbage() if thing[1].startswith("left")]
        assert removed == sorted([
            ("configmaps", "left-map-primary"), ("deployments", "left-primary"), ("destinationrules", "left-canary"),
            ("destinationrules", "left-primary"), ("services", "left"), ("services", "left-canary"), ("services", "left-primary"),
            ("virtualservices", "left")])
        assert mesh.workload("left")["spec"]["replicas"] == 0, "as in Flagger, unless revertOnDeletion is set"

    def test_a_target_is_given_back_before_its_canary_goes(self, mesh):
        mesh.apply(f"{SERVICES}/returned", {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "returned"}, "spec": {
            "selector": {"app": "returned"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}})
        mesh.begin("returned", revertOnDeletion=True)
        mesh.wait_answer("returned", image="app:1")
        assert mesh.get(CANARIES, "returned")["metadata"]["finalizers"] == ["finalizer.flagger.app"]
        assert mesh.get(SERVICES, "returned")["spec"]["selector"] == {"app": "returned-primary"}
        with mesh.traffic("returned") as load:
            mesh.kubernetes.kubectl("delete", "canary", "returned", "-n", "default", "--timeout=60s")
            assert mesh.workload("returned")["spec"]["replicas"] == 2
            assert mesh.get(SERVICES, "returned")["spec"]["selector"] == {"app": "returned"}
            removed = [thing for thing in mesh.life.collect_garbage() if thing[1].startswith("returned")]
            wait_until(lambda: "returned-primary" not in mesh.life.servers, "the primary's pods go")
            assert ("services", "returned") not in removed and ("deployments", "returned-primary") in removed
            mesh.wait_answer("returned", image="app:1")
        assert not load.failures()
