"""Others may drive the weights: a stock Flagger, compared with our own rollouts of the same Canary."""

import pytest
from support.cluster_control import ClusterControl
from support.cluster_life import APPS, CANARIES, ISTIO, SERVICES
from support.cluster_rollout import ClusterRollout
from support.other_controllers import FakePrometheus, Flagger, Recorder, program
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(program("flagger") is None, reason="no Flagger here: `./dev test --kubernetes` builds it")

SERVICE = {"portName": "http", "timeout": "5s", "retries": {"attempts": 2, "perTryTimeout": "1s"},
           "trafficPolicy": {"tls": {"mode": "DISABLE"}}, "apex": {"labels": {"side": "front"}, "annotations": {"note": "apex"}}}
BY_THE_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "namespace", "finalizers")


def plain(thing):
    """Without what the server adds and what differs by nature: addresses, identities, hashes."""
    meta = {key: value for key, value in thing["metadata"].items() if key not in BY_THE_SERVER}
    for owner in meta.get("ownerReferences", []):
        owner.pop("uid")
    spec = {key: value for key, value in thing.get("spec", {}).items() if not key.startswith("clusterIP")}
    annotations = spec.get("template", {}).get("metadata", {}).get("annotations", {})
    if "flagger-id" in annotations:
        annotations["flagger-id"] = "an id"
    return {"metadata": meta, "spec": spec}


def differences(theirs, ours, path=""):
    """Path: what they write, what we write; for each leaf that differs."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return {where: values for key in sorted({*theirs, *ours})
                for where, values in differences(theirs.get(key), ours.get(key), f"{path}.{key}" if path else key).items()}
    return {} if theirs == ours else {path: (theirs, ours)}


class Drive:
    """One life of a Canary `web` under one controller."""

    def __init__(self, mesh, prometheus, recorder):
        self.mesh, self.prometheus, self.recorder = mesh, prometheus, recorder
        self.objects, self.weights, self.phases, self.status, self.failures = {}, {}, {}, {}, []

    def run(self):
        mesh = self.mesh
        self.prometheus.queries.clear()
        mesh.deploy("web", "app:1")
        mesh.kubernetes.request("POST", CANARIES, mesh.canary("web", service=dict(SERVICE), analysis={"interval": "1s", "threshold": 2},
                                                              metricsServer=self.prometheus.url))
        mesh.wait_phase("web", "Initialized", seconds=120)
        mesh.wait_rest("web")
        self.note("initialised")
        mesh.wait_answer("web", image="app:1")
        with mesh.traffic("web") as load:
            self.turn("promoted", "app:2", "Succeeded")
            assert load.images() == {"app:1", "app:2"}
            self.prometheus.success = 40.0
            self.turn("taken back", "app:3", "Failed")
        self.prometheus.success = 100.0
        self.failures, self.queries = load.failures(), sorted({"".join(query.split()) for query in self.prometheus.queries})
        return self

    def turn(self, name, image, end):
        self.recorder.clear()
        self.mesh.set_image("web", image)
        self.mesh.wait_phase("web", "Progressing", seconds=60)
        self.mesh.wait_phase("web", end, seconds=200)
        self.mesh.wait_rest("web")
        self.note(name)
        self.weights[name], self.phases[name] = list(self.recorder.weights), list(self.recorder.phases)

    def note(self, name):
        get = self.mesh.get
        self.objects[name] = {
            **{f"Service {each}": plain(get(SERVICES, each)) for each in ("web", "web-primary", "web-canary")},
            **{f"DestinationRule {each}": plain(get(f"{ISTIO}/destinationrules", each)) for each in ("web-primary", "web-canary")},
            "VirtualService web": plain(get(f"{ISTIO}/virtualservices", "web")),
            **{f"Deployment {each}": plain(get(f"{APPS}/deployments", each)) for each in ("web", "web-primary")}}
        status = self.mesh.status("web")
        self.status[name] = {field: status.get(field) for field in ("phase", "canaryWeight", "failedChecks", "iterations")}
        promoted = next(each for each in status["conditions"] if each["type"] == "Promoted")
        self.status[name]["promoted"] = promoted["status"], promoted["reason"]


@pytest.fixture(scope="module", name="mesh")
def _mesh(populated, tmp_path_factory, module_closing):
    return ClusterRollout(tmp_path_factory.mktemp("others"), populated, module_closing, "--rollouts", "off")


@pytest.fixture(scope="module", name="drives")
def _drives(mesh, tmp_path_factory, module_closing):
    """The same Canary, first with Flagger, then, on a clean slate, with us."""
    kubernetes, prometheus = mesh.kubernetes, module_closing(FakePrometheus())
    admin = kubernetes.kubeconfig("admin", "system:masters")
    recorder = Recorder(kubernetes, "web")
    flagger = module_closing(Flagger(admin, prometheus))
    theirs = Drive(mesh, prometheus, recorder).run()
    flagger.stop()
    kubernetes.kubectl("delete", "canary,deployment", "web", "-n", "default", "--timeout=30s")
    mesh.life.collect_garbage()
    wait_until(lambda: not mesh.life.servers, "all pods are gone")
    module_closing(ClusterControl(tmp_path_factory.mktemp("ours"), admin, "--rollout-min-interval", "200", "--lease-name", "ours"))
    return theirs, Drive(mesh, prometheus, recorder).run()


@pytest.mark.parametrize("moment", ["initialised", "promoted", "taken back"])
def test_the_same_objects_are_written(drives, moment):
    theirs, ours = drives
    assert differences(theirs.objects[moment], ours.objects[moment]) == {}


@pytest.mark.parametrize("moment", ["promoted", "taken back"])
def test_weights_and_phases_come_in_the_same_order(drives, moment):
    theirs, ours = drives
    assert (ours.weights[moment], ours.phases[moment]) == (theirs.weights[moment], theirs.phases[moment])


@pytest.mark.parametrize("moment", ["initialised", "promoted", "taken back"])
def test_the_status_says_the_same(drives, moment):
    theirs, ours = drives
    assert ours.status[moment] == theirs.status[moment]


def test_the_same_queries_are_asked(drives):
    theirs, ours = drives
    assert ours.queries == theirs.queries


def test_no_request_fails_whoever_drives(drives):
    theirs, ours = drives
    assert not theirs.failures and not ours.failures
