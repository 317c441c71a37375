"""A mesh whose service api is looked after by a canary, with a sidecar for every version."""

import json

from support.http_client import fetch
from support.mesh import ControlPlane, Mesh, service
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

TICK = "400ms"  # Flagger's minimum is 10s; --rollout-min-interval makes less possible, for tests.
ARGUMENTS = ("--rollout-min-interval", "10")


def canary(port, **analysis):
    analysis = {"interval": TICK, "threshold": 2, "maxWeight": 50, "stepWeight": 25, "metrics": [
        {"name": "request-success-rate", "interval": "1s", "thresholdRange": {"min": 99}},
        {"name": "request-duration", "interval": "1s", "thresholdRange": {"max": 100}}], **analysis}
    return {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "api"}, "spec": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"},
        "service": {"port": port}, "analysis": analysis}}


class RolloutMesh(Mesh):
    """The service api with version v1 behind a sidecar; proxies report ten times a second."""

    def __init__(self, folder, closing, port=None, arguments=ARGUMENTS):
        self.folder, self.app, self.closing = folder, "api", closing
        self.port = port or unused_port()
        self.apps, self.servers = {}, {}
        folder.mkdir()
        self.apply("mesh.yaml", service("api", self.port))
        self.control = closing(ControlPlane(folder, arguments=arguments))
        self.client = closing(self.sidecar("client", push="0.1s"))

    def add_version(self, version, answer=None, script=None):
        app = self.apps[version] = self.closing(Upstream(
            version, answer or (lambda request: reply(200, {"x-version": version}, version)), script))
        address = f"127.0.8.{len(self.apps)}"
        labels = {"app": "api", "version": version}
        self.servers[version] = self.closing(self.sidecar(
            f"api-{version}", address, push="0.1s", REMORA_OUTBOUND="none", LABELS=labels))
        self.apply(f"{version}.yaml", {
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": f"api-{version}"},
            "spec": {"address": address, "ports": {"http": app.port}, "labels": labels}})
        return app

    def object(self, path):
        return json.loads(fetch(self.control.api_port, path, headers={"connection": "close"}, host="127.0.0.1").body)

    @property
    def canary(self):
        return self.object("/apis/flagger.app/v1beta1/namespaces/default/canaries/api")

    @property
    def status(self):
        status = self.canary.get("status", {})
        return status if isinstance(status, dict) else {}  # not found yet: the answer's own status

    def act(self, action):
        response = fetch(self.control.api_port, f"/rollouts/default/api/{action}", "POST",
                         headers={"connection": "close", "content-type": "application/json"}, body=b"{}",
                         host="127.0.0.1")
        assert response.status in (200, 204), response

    def decisions(self, decision):
        return [entry for entry in self.status["rollout"]["timeline"] if entry["decision"] == decision]

    def wait_phase(self, *phases, seconds=40):
        return wait_until(lambda: self.status.get("phase") in phases and self.status["phase"], lambda: (
            f"{phases}; is {json.dumps(self.status, indent=1)[-3000:]}\n{self.control.tail()[-3000:]}"), seconds)

    def wait_routes(self, text):
        """Waits until the client's sidecar has routes that hold this."""
        wait_until(lambda: text in self.client.admin("/config_dump").text, lambda: f"{text} in the client's routes")
