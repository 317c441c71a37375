"""A service that a canary looks after: the real control plane, workloads as fake upstreams, a client that reports."""

import json
import subprocess

import yaml

from support.http_client import fetch
from support.meanwhile import Meanwhile
from support.mesh import ControlPlane, Mesh, workload
from support.proxy import bin_dir
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until


class Release(Mesh):
    """Everything is applied through remoractl, as people would. `begin()` deploys v1 and waits for the canary."""

    def __init__(self, folder, closing, interval="500ms", threshold=2, max_weight=60, step_weight=20):
        self.folder, self.closing, self.app, self.port = folder, closing, "api", unused_port()
        folder.mkdir(parents=True)
        self.control = closing(ControlPlane(folder, arguments=["--rollout-min-interval", "100"]))
        self.api = (folder.parent / "api-address").read_text().strip()
        self.upstreams = {}
        self.canary = {
            "apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": self.app}, "spec": {
                "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": self.app},
                "service": {"port": self.port}, "analysis": {
                    "interval": interval, "threshold": threshold, "maxWeight": max_weight, "stepWeight": step_weight,
                    "metrics": [
                        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "2s"},
                        {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "2s"}]}}}

    def begin(self):
        self.deploy("v1")
        self.put(self.canary)
        self.client = self.closing(self.sidecar("client", push="0.2s"))
        self.wait_phase("Initialized")
        return self.wait_serving()

    @property
    def page(self):
        return f"http://{self.api}/ui/"

    def remoractl(self, *arguments, text=None):
        done = subprocess.run([str(bin_dir() / "remoractl"), "--api", self.api, *map(str, arguments)], input=text, timeout=60,
                              text=True, capture_output=True)
        assert done.returncode == 0, done
        return done.stdout

    def put(self, *objects):
        self.remoractl("apply", "-f", "-", text=yaml.safe_dump_all(objects))

    def deploy(self, version):
        """A workload with a version of its own. What it answers can be changed: upstreams[version].answer."""
        upstream = self.upstreams[version] = self.closing(Upstream(version, address=f"127.0.{len(self.upstreams) + 1}.1"))
        self.put(workload(f"{self.app}-{version}", self.app, upstream, version=version))

    def fail(self, version):
        """From now on every other request of this version fails."""
        upstream = self.upstreams[version]
        upstream.answer = lambda request: reply(500 if len(upstream.requests) % 2 else 200, {}, version)

    def rollout(self):
        found = json.loads(fetch(int(self.api.rpartition(":")[2]), "/rollouts", host="127.0.0.1").body)
        return found[0] if found else {"phase": "", "timeline": []}

    def wait_phase(self, *phases):
        return wait_until(lambda: (seen := self.rollout())["phase"] in phases and seen,
                          lambda: f"{phases}, is {self.rollout()}\n{self.control.tail()}")

    def wait_weight(self, weight):
        return wait_until(lambda: self.rollout()["canaryWeight"] >= weight, lambda: f"weight {weight}: {self.rollout()}")

    def traffic(self):
        return Traffic(self)


class Traffic(Meanwhile):
    """Requests of the client, one after the other."""

    def __init__(self, release):
        self.release, self.statuses = release, []

    def __enter__(self):
        super().__enter__()
        wait_until(lambda: len(self.statuses) > 20, "the traffic under way")
        return self

    def step(self):
        try:
            self.statuses.append(self.release.fetch().status)
        except OSError as error:
            self.statuses.append(error)
