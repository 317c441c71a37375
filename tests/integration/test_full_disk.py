"""A disk that is full in mid canary, killed control plane included: no step is taken twice, and a bad canary loses its requests."""

import os
import subprocess
import threading

import pytest

from support import namespace
from support.load import Load
from support.mesh import ControlPlane
from support.rollout_mesh import ARGUMENTS, RolloutMesh, canary
from support.upstream import reply
from support.waiting import wait_until

INSIDE = os.environ.get(namespace.INSIDE) == "yes"
pytestmark = pytest.mark.skipif(not namespace.available(), reason="no user namespaces on this machine")


@pytest.mark.skipif(INSIDE, reason="starts the namespace")
def test_a_full_disk_in_mid_canary(tmp_path):
    namespace.run_inside(f"{__file__}::test_inside", ["api"], tmp_path, 120)


class Disk:
    """A disk of a megabyte at `place`."""

    def __init__(self, place):
        place.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], check=True)
        self.ballast = place / "ballast"

    def fill(self):
        with self.ballast.open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space"):
            while True:
                ballast.write(b"x" * 4096)

    def make_room(self):
        self.ballast.unlink()


@pytest.mark.skipif(not INSIDE, reason="only inside the namespace")
def test_inside(tmp_path, closing):
    namespace.raise_loopback()
    disk, broken = Disk(tmp_path / "mesh-store"), threading.Event()
    mesh = RolloutMesh(tmp_path / "mesh", closing)
    mesh.add_version("v1")
    mesh.wait_serving()
    mesh.apply("canary.yaml", canary(mesh.port, stepWeight=10, maxWeight=90))
    mesh.wait_phase("Initialized")
    mesh.wait_routes("api-primary")
    with Load(mesh.port, "api") as load:
        mesh.add_version("v2", lambda request: reply(500 if broken.is_set() else 200, body="v2"))
        wait_until(lambda: mesh.status.get("canaryWeight", 0) >= 20, "the canary gets requests")
        disk.fill()
        wait_until(lambda: "could not be stored" in mesh.control.log, "a decision meets the full disk")
        steps = mesh.decisions("advance")
        broken.set()
        wait_until(lambda: set(load.answers[-200:]) == {"v1"}, lambda: f"nobody asks the canary: {mesh.control.tail()}")
        assert mesh.status["phase"] == "Progressing" and mesh.decisions("advance") == steps, "nothing was stored"

        port = mesh.control.xds_port
        mesh.control.kill()
        mesh.control = closing(ControlPlane(mesh.folder, port, ARGUMENTS))
        assert mesh.status["phase"] == "Progressing" and mesh.decisions("advance") == steps
        disk.make_room()
        mesh.wait_phase("Failed")
        assert mesh.decisions("advance") == steps and len(mesh.decisions("rollback")) == 1
        wait_until(lambda: set(load.answers[-200:]) == {"v1"}, "nobody asks the canary any more")
    assert all(getattr(failure, "status", 0) == 500 for failure in load.failures), load.failures[:3]
