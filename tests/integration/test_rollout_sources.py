"""Releases under the load of a real hey, judged by what proxies push and by a real Prometheus: the same ends."""

import json
import shutil
import subprocess
import threading

import pytest

from support.prometheus import PROGRAM as PROMETHEUS
from support.prometheus import Prometheus
from support.rollout_mesh import RolloutMesh, canary
from support.upstream import reply
from support.waiting import wait_until

pytestmark = [pytest.mark.skipif(not PROMETHEUS, reason="prometheus is not installed (./dev setup)"),
              pytest.mark.skipif(not shutil.which("hey"), reason="hey is not installed (./dev setup)")]

METRICS = [{"name": "request-success-rate", "interval": "3s", "thresholdRange": {"min": 99}},
           {"name": "request-duration", "interval": "3s", "thresholdRange": {"max": 100}}]


class Judged(RolloutMesh):
    """The canary judged by `source`; `load()` runs hey until it is told to stop."""

    def __init__(self, folder, closing, source):
        super().__init__(folder, closing)
        self.add_version("v1")
        self.wait_serving()
        self.prometheus = None
        # A Prometheus has to find the new proxy and to look at it twice before it can say anything.
        manifest = canary(self.port, metrics=METRICS, interval="3s" if source == "prometheus" else "1s")
        if source == "prometheus":
            self.prometheus = closing(Prometheus(folder.parent / "prometheus", *self.targets()))
            manifest["spec"]["metricsServer"] = self.prometheus.address
        self.apply("canary.yaml", manifest)
        self.wait_phase("Initialized")
        self.wait_routes("api-primary")

    def targets(self):
        proxies = {f"api-{version}": sidecar.admin_port for version, sidecar in self.servers.items()}
        return {"client": self.client.admin_port, **proxies}, {"control": self.control.admin_port}

    def release(self, answer=None):
        self.add_version("v2", answer)
        if self.prometheus:
            self.prometheus.scrape(*self.targets())

    def load(self):
        return Hey(self.port)


class Hey:
    """hey, sending 200 requests a second over eight connections while the `with` block runs."""

    def __init__(self, port):
        self.command = ["hey", "-z", "120s", "-q", "25", "-c", "8", "-host", "api", f"http://127.0.0.1:{port}/"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.send_signal(2)  # it reports what it has seen, and ends
        self.report, _ = self.process.communicate(timeout=30)

    def statuses(self):
        """Responses by status, as hey has counted them."""
        lines = self.report.partition("Status code distribution:")[2].splitlines()
        return {int(line.split("]")[0].strip(" [\t")): int(line.split("]")[1].split()[0])
                for line in lines if line.strip().startswith("[") and line.strip().endswith("responses")}


@pytest.fixture(params=["proxies", "prometheus"])
def mesh(request, tmp_path, closing):
    return Judged(tmp_path / "mesh", closing, request.param)


def test_a_good_version_is_promoted(mesh):
    with mesh.load() as hey:
        mesh.release()
        mesh.wait_phase("Succeeded")
        wait_until(lambda: {mesh.fetch().text for _ in range(10)} == {"v2"}, "all requests at v2")
    assert set(hey.statuses()) == {200} and "Error distribution" not in hey.report, hey.report
    assert [entry["weight"] for entry in mesh.decisions("advance")] == [25, 50]


@pytest.mark.parametrize("fault", ["5xx", "slow", "no traffic"])
def test_a_bad_version_is_rolled_back(mesh, fault):
    never = threading.Event()

    def answer(request):
        if fault == "slow":
            never.wait(0.25)
        return reply(503 if fault == "5xx" and len(mesh.apps["v2"].requests) % 2 else 200, body="v2")

    if fault == "no traffic":
        mesh.release(answer)
        mesh.wait_phase("Failed")
    else:
        with mesh.load() as hey:
            mesh.release(answer)
            mesh.wait_phase("Failed")
        assert set(hey.statuses()) == ({200, 503} if fault == "5xx" else {200}), hey.report
    held = json.dumps(mesh.decisions("hold"))
    assert {"5xx": "success rate", "slow": "request duration", "no traffic": "not receiving traffic"}[fault] in held, held
    assert mesh.status["rollout"]["weights"] == {"primary": 100, "canary": 0, "mirror": False}
    wait_until(lambda: {mesh.fetch().text for _ in range(20)} == {"v1"}, "all requests at v1")
