"""Canaries on workloads of a cluster, with a front proxy whose requests they are judged by."""

import base64
import json

from support.cluster_control import ClusterControl
from support.cluster_life import APPS, CANARIES, CONFIGS, ISTIO, PORT, ClusterLife
from support.http_client import fetch
from support.meanwhile import Meanwhile
from support.mesh import Mesh
from support.waiting import wait_until

METRICS = [{"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "2s"},
           {"name": "request-duration", "thresholdRange": {"max": 2000}, "interval": "2s"}]


class ClusterRollout(Mesh):
    """`remora-control` over an API server, and a sidecar on this host's loopback that calls what the test deploys."""

    def __init__(self, folder, kubernetes, closing, *arguments):  # pylint: disable=super-init-not-called
        self.kubernetes, self.closing, self.folder = kubernetes, closing, folder
        self.life = closing(ClusterLife(kubernetes))
        self.control = closing(ClusterControl(folder, kubernetes.kubeconfig("admin", "system:masters"),
                                              "--rollout-min-interval", "200", *arguments))
        self.client = closing(self.sidecar("client", push="0.2s"))

    # --- what users write --------------------------------------------------------------------------------------------

    def configure(self, kind, name, **data):
        if kind == "secrets":
            data = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        path = CONFIGS[kind]
        return self.apply(f"{path}/{name}", {"apiVersion": "v1", "kind": kind[:-1].replace("configmap", "ConfigMap").replace(
            "secret", "Secret"), "metadata": {"name": name}, "data": data})

    def apply(self, path, thing):
        return self.kubernetes.request("PATCH", f"{path}?fieldManager=test&force=true", thing, "application/apply-patch+yaml")

    def deploy(self, name, image, kind="Deployment", replicas=2, settings=(), labels=None):
        labels = labels or {"app": name}
        container = {"name": "app", "image": image, "ports": [{"containerPort": PORT}], "envFrom": list(settings),
                     "lifecycle": {"preStop": {"sleep": {"seconds": 2}}}}  # as programs need it that stop listening at their signal
        spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
            "terminationGracePeriodSeconds": 5, "containers": [container]}}}
        if kind == "Deployment":
            spec["replicas"] = replicas
        return self.apply(f"{APPS}/{kind.lower()}s/{name}", {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
                                                             "spec": spec})

    def canary(self, name, kind="Deployment", analysis=None, service=None, **more):
        """The Canary of a workload; it is not there yet. An interval is what proxies have to hear of routes before pods go."""
        return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": name}, "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": kind, "name": name},
            "service": {"port": 80, "targetPort": PORT, **(service or {})},
            "analysis": {"interval": "1s", "threshold": 2, "maxWeight": 50, "stepWeight": 25, "metrics": METRICS, **(analysis or {})},
            **more}}

    def begin(self, name, image="app:1", *, kind="Deployment", settings=(), **more):
        """Deployed, with a Canary, initialised and at rest."""
        self.deploy(name, image, kind, settings=settings)
        self.kubernetes.request("POST", CANARIES, self.canary(name, kind, **more))
        self.wait_phase(name, "Initialized")
        self.wait_rest(name, kind)

    def set_image(self, name, image, kind="Deployment"):
        self.kubernetes.kubectl("set", "image", f"{kind.lower()}/{name}", f"app={image}", "-n", "default")

    # --- what there is -----------------------------------------------------------------------------------------------

    def get(self, base, name):
        return self.kubernetes.request("GET", f"{base}/{name}")

    def find(self, base, name):
        """None where there is none."""
        return next((item for item in self.kubernetes.request("GET", base)["items"] if item["metadata"]["name"] == name), None)

    def status(self, name):
        return self.get(CANARIES, name).get("status", {})

    def workload(self, name, kind="Deployment"):
        return self.get(f"{APPS}/{kind.lower()}s", name)

    def image(self, name, kind="Deployment"):
        return self.workload(name, kind)["spec"]["template"]["spec"]["containers"][0]["image"]

    def weights(self, name):
        routes = self.get(f"{ISTIO}/virtualservices", name)["spec"]
        return [(to["destination"]["host"], to["weight"]) for to in (routes.get("http") or routes["tcp"])[-1]["route"]]

    def decisions(self, name, decision):
        return [entry["weight"] for entry in self.status(name)["rollout"]["timeline"] if entry["decision"] == decision]

    def wait_phase(self, name, *phases, seconds=60):
        return wait_until(lambda: (seen := self.status(name)).get("phase") in phases and seen, lambda: (
            f"{name} is {phases}: {json.dumps(self.status(name), indent=1)[-3000:]}"), seconds)

    def wait_rest(self, name, kind="Deployment"):
        """Its pods are those of the primary only."""
        def rests():
            spec = self.workload(name, kind)["spec"]
            return not spec["replicas"] if kind == "Deployment" else spec["template"]["spec"].get("nodeSelector")
        wait_until(rests, f"{name} is scaled down", 30)

    # --- requests ----------------------------------------------------------------------------------------------------

    def call(self, name, port=80):
        return fetch(port, "/", headers={"connection": "close"}, host=f"{name}.default.svc.cluster.local")

    def wait_answer(self, name, port=80, **fields):
        """Until the service's answers hold these fields."""
        def answered():
            try:
                seen = json.loads(self.call(name, port).body)
            except (OSError, AssertionError, ValueError):
                return None
            return seen if fields.items() <= seen.items() else None
        return wait_until(answered, lambda: f"{name} answers with {fields}; now {self.call(name, port)}", 30)

    def traffic(self, *names, port=80):
        return ClusterTraffic(self, names, port)


class ClusterTraffic(Meanwhile):
    """Requests, one after the other. `answers`: (service, status or error, image)."""

    def __init__(self, mesh, names, port):
        self.mesh, self.names, self.port, self.answers = mesh, names, port, []

    def __enter__(self):
        super().__enter__()
        wait_until(lambda: len(self.answers) > 20, "the traffic under way")
        return self

    def failures(self):
        return [answer for answer in self.answers if answer[1] != 200]

    def images(self):
        return {image for _, _, image in self.answers}

    def step(self):
        for name in self.names:
            try:
                answer = self.mesh.call(name, self.port)
                self.answers.append((name, answer.status, answer.get("x-image")))
            except (OSError, AssertionError) as error:
                self.answers.append((name, repr(error), None))
