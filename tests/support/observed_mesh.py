"""A mesh in which everything happens that dashboards and alerts are about: both sides of calls, failures, a canary."""

import itertools
import re
import threading

from support.http_client import ConnectionClosed
from support.mesh import Mesh
from support.upstream import Upstream, reply
from support.waiting import wait_until

CANARY = {
    "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "api", "namespace": "default"},
    "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
             "analysis": {"interval": "500ms", "threshold": 8, "maxWeight": 50, "stepWeight": 50, "metrics": [
                 {"name": "request-success-rate", "interval": "5s", "thresholdRange": {"min": 90}},
                 {"name": "request-duration", "interval": "5s", "thresholdRange": {"max": 5000}}]}}}
ADDRESSES = {f"v{number}": f"127.0.9.2{number}" for number in (1, 2, 3, 4)}
TEMPLATE = {
    "apiVersion": "flagger.app/v1beta1", "kind": "MetricTemplate", "metadata": {"name": "failures", "namespace": "default"},
    "spec": {"provider": {"type": "prometheus", "address": ""}, "query": """
        100 * (sum(rate(istio_requests_total{reporter="destination", destination_workload=~"{{ target }}",
                        response_code=~"{{ variables.codes }}"}[{{ interval }}])) or vector(0))
        / sum(rate(istio_requests_total{reporter="destination", destination_workload_namespace="{{ namespace }}",
                   destination_workload=~"{{ target }}"}[{{ interval }}]))"""}}


class ObservedMesh(Mesh):
    """`api`: v1 under constant traffic, then whatever a test releases under a canary; each behind a sidecar."""

    control_arguments = ("--rollout-min-interval", "100")

    def __init__(self, folder, closing):
        self.apps = {}
        self.proxies = {}
        self.ended = threading.Event()
        super().__init__(folder, "api", {}, closing)
        for version, address in ADDRESSES.items():  # all there (and watched) before anybody calls them
            closing(self.sidecar(f"api-{version}", address, REMORA_OUTBOUND="none",
                                 LABELS={"app": "api", "version": version}))
        self.deploy("v1")
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

    def deploy(self, version, fails=False):
        """The workload behind an inbound sidecar. One that fails still answers every fifth request: Flagger's query of
        the success rate has no value where nothing succeeds. The others fail every fiftieth, as services do."""
        name, numbers = f"api-{version}", itertools.count(1)

        def answer(_request):
            number = next(numbers)
            return reply(500 if (number % 5 if fails else number % 50 == 0) else 200)
        app = self.apps[version] = self.closing(Upstream(version, answer=answer))
        self.apply(f"{name}.yaml", {
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": name},
            "spec": {"address": ADDRESSES[version], "ports": {"http": app.port},
                     "labels": {"app": "api", "version": version}}})

    def sidecar(self, name, address="127.0.0.1", **metadata):
        self.proxies[name] = super().sidecar(name, address, **{"push": "0.2s", **metadata})
        return self.proxies[name]

    def run_canary(self, version, ending, fails=False):
        """Releases a version; `ending`: "successes" or "failures", of which there must be one more then."""
        before = self.endings(ending)
        if not (self.folder / "canary.yaml").exists():
            self.apply("canary.yaml", {**CANARY, "spec": {**CANARY["spec"], "service": {"port": self.port}}})
            self.wait_metric('flagger_canary_weight{workload="api-primary",namespace="default"} 100')
        self.deploy(version, fails)
        wait_until(lambda: self.endings(ending) == before + 1, lambda: f"{version} has ended:\n{self.control.tail()}", 60)

    def endings(self, kind):
        found = re.search(rf'^flagger_canary_{kind}_total{{name="api".*}} (\d+)$', self.control.admin("/metrics").text, re.M)
        return int(found[1]) if found else 0

    def wait_metric(self, text):
        wait_until(lambda: text in self.control.admin("/metrics").text, lambda: f"{text}:\n{self.control.tail()}", 60)
