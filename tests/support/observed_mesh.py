"""A mesh in which everything happens that dashboards and alerts are about: both sides of calls, failures, a canary."""

import threading

from support.http_client import ConnectionClosed
from support.mesh import Mesh
from support.upstream import Upstream, reply
from support.waiting import wait_until

CANARY = {
    "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "api", "namespace": "default"},
    "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
             "analysis": {"interval": "1s", "threshold": 3, "maxWeight": 50, "stepWeight": 50, "metrics": [
                 {"name": "request-success-rate", "interval": "2s", "thresholdRange": {"min": 90}},
                 {"name": "request-duration", "interval": "2s", "thresholdRange": {"max": 5000}}]}}}


class ObservedMesh(Mesh):
    """`api`: version v1 behind an inbound sidecar, then a good v2 and a v3 that fails, under a canary."""

    control_arguments = ("--rollout-min-interval", "100")

    def __init__(self, folder, closing):
        self.apps = {}
        self.proxies = {}
        self.ended = threading.Event()
        super().__init__(folder, "api", {}, closing)
        self.deploy("v1", "127.0.9.21")
        self.wait_serving()
        self.traffic = threading.Thread(target=self.call, daemon=True)
        self.traffic.start()

    def stop(self):
        self.ended.set()
        self.traffic.join()

    def call(self):
        """A hundred requests a second, a connection each."""
        while not self.ended.wait(0.01):
            try:
                self.fetch()
            except (OSError, ConnectionClosed):
                pass  # a try is a try; what became of it is counted by the proxies

    def deploy(self, version, address, status=200):
        """A workload with its inbound sidecar."""
        name = f"api-{version}"
        app = self.apps[version] = self.closing(Upstream(version, answer=lambda request: reply(status)))
        self.apply(f"{name}.yaml", {
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": name},
            "spec": {"address": address, "ports": {"http": app.port}, "labels": {"app": "api", "version": version}}})
        self.closing(self.sidecar(name, address, REMORA_OUTBOUND="none", LABELS={"app": "api", "version": version}))

    def sidecar(self, name, address="127.0.0.1", **metadata):
        self.proxies[name] = super().sidecar(name, address, **{"push": "0.2s", **metadata})
        return self.proxies[name]

    def run_canaries(self):
        """v2 is promoted, v3 rolled back."""
        self.apply("canary.yaml", {**CANARY, "spec": {**CANARY["spec"], "service": {"port": self.port}}})
        self.wait_metric('flagger_canary_weight{workload="api-primary",namespace="default"} 100')
        self.deploy("v2", "127.0.9.22")
        self.wait_metric('flagger_canary_successes_total{name="api"')
        self.deploy("v3", "127.0.9.23", status=500)
        self.wait_metric('flagger_canary_failures_total{name="api"')

    def wait_metric(self, text):
        wait_until(lambda: text in self.control.admin("/metrics").text, lambda: f"{text}:\n{self.control.tail()}", 60)
