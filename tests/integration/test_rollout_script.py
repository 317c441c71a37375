"""The seeds' canary-rollout.sh, unmodified, with the real kubectl: each of its phases moves real traffic."""

import collections
import json
import os
import pathlib
import subprocess

import pytest

from support.http_client import Client
from support.kubectl import Kubectl, kubectl_binary
from support.load import Load
from support.mesh import Mesh
from support.stats import assert_split
from support.upstream import Upstream, reply
from support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = pathlib.Path(os.environ.get("REMORA_SEEDS", ROOT.parent / "shared" / "seeds" / "manifests"))

pytestmark = pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the seeds' manifests are not at {SEEDS}")

ADDRESS = "127.0.1.1"  # Of the workloads; the client's sidecar has 127.0.0.1 for itself.


class Script:
    """The script, held at each of its sleeps until the test lets it go on."""

    def __init__(self, folder, kubectl):
        self.folder, self.phase = folder, 0
        commands = folder / "bin"
        commands.mkdir(parents=True)
        os.mkfifo(folder / "go")
        (commands / "kubectl").symlink_to(kubectl_binary())
        (commands / "sleep").write_text(f'#!/bin/sh\necho "$1" >>{folder}/sleeps\nread -r line <{folder}/go\n')
        (commands / "sleep").chmod(0o755)
        self.log = folder / "log"
        environment = kubectl.environment(PATH=f"{commands}:{os.environ['PATH']}")
        with self.log.open("wb") as log:
            self.child = subprocess.Popen(["bash", SEEDS / "canary-rollout.sh"], stdout=log, stderr=log,
                                          stdin=subprocess.DEVNULL, env=environment)

    def sleeps(self):
        path = self.folder / "sleeps"
        return path.read_text().split() if path.exists() else []

    def wait_asleep(self):
        self.phase += 1
        wait_until(lambda: len(self.sleeps()) == self.phase or self.child.poll() is not None,
                   lambda: f"phase {self.phase} of the script:\n{self.log.read_text()}")
        assert self.child.poll() is None, self.log.read_text()

    def go_on(self):
        with (self.folder / "go").open("w") as go:
            go.write("\n")

    def close(self):
        self.child.kill()
        self.child.wait()


@pytest.fixture
def mesh(tmp_path, closing):
    def instance(version):
        upstream = closing(Upstream(version, lambda request: reply(200, {}, version), address=ADDRESS))
        return upstream, {"version": version}

    return Mesh(tmp_path / "config", "api", {"api-v1": instance("v1"), "api-v2": instance("v2")}, closing).wait_serving()


def counts(mesh, requests=500):
    with Client(mesh.port) as client:
        return collections.Counter(client.request(host="api").text for _ in range(requests))


def weights(mesh):
    """The weights by subset that the client's sidecar routes by now; what has none is not there."""
    found = {}

    def walk(value):
        if isinstance(value, dict):
            for entry in value.get("weighted_clusters", {}).get("clusters", ()):
                found[entry["name"].split("|")[2]] = entry.get("weight", 0)
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for member in value:
                walk(member)

    walk(json.loads(mesh.client.admin("/config_dump").text))
    return found


def test_each_phase_splits_the_traffic_and_loses_no_request(mesh, tmp_path, closing):
    kubectl = Kubectl(tmp_path / "home", f"127.0.0.1:{mesh.control.api_port}")
    kubectl("apply", "-f", SEEDS / "api-destination-rule.yaml")
    script = closing(Script(tmp_path / "script", kubectl))

    def expect(v1):
        wanted = {"v1": v1, "v2": 100 - v1}
        routed = {name: weight for name, weight in wanted.items() if weight}
        wait_until(lambda: weights(mesh) == routed, lambda: f"{routed}; there is {weights(mesh)}\n{mesh.control.tail()}")
        assert_split(counts(mesh), wanted)
        assert kubectl.get("vs", "api")["spec"]["http"][0]["route"][1]["weight"] == 100 - v1

    with Load(mesh.port, "api") as load:
        for v1 in 90, 50:
            script.wait_asleep()
            expect(v1)
            script.go_on()
        assert script.child.wait(20) == 0, script.log.read_text()
        expect(0)
    assert not load.failures, load.failures[:3]
    assert script.sleeps() == ["300", "300"]
    lines = script.log.read_text().splitlines()
    applied = [line for line in lines if line.startswith("virtualservice.networking.istio.io/api ")]
    assert [line.split()[1] for line in applied] == ["created", "configured", "configured"], lines
    assert kubectl.get("vs", "api")["metadata"]["generation"] == 3
