"""docker/compose.yaml: its services with their commands, addresses and files, as processes instead of containers."""

import shutil
import subprocess

import pytest
import yaml

from support.composed import FILE, Composed
from support.pods import unavailable
from support.proxy import ROOT
from support.waiting import wait_until

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "")
MESH = ROOT / "docker" / "compose" / "mesh"
SERVICES = ("control", "backend-v1", "backend-v2", "proxy", "load")


@pytest.fixture(name="demo")
def _demo(closing, tmp_path):
    tmp_path.chmod(0o755)
    shutil.copytree(MESH, tmp_path / "mesh")
    demo = Composed(tmp_path, closing, {MESH: tmp_path / "mesh"})
    demo.start(*SERVICES)
    return demo


def counts(line):
    return {who: int(number) for who, number in (part.split(": ") for part in line.split(", "))}


def last_counts(demo):
    """What the load's newest line says; the first lines may tell of the time before the mesh was there."""
    lines = demo.output("load").splitlines()
    return counts(lines[-1]) if lines else {}


def test_both_versions_answer_and_weights_can_be_changed(demo, tmp_path):
    seen = wait_until(lambda: (now := last_counts(demo)).keys() == {"v1", "v2"} and now, lambda: f"{demo.output('load')}\n{demo.output('control')}")
    assert seen["v1"] > seen["v2"]
    routes = yaml.safe_load((MESH / "routes.yaml").read_text())
    first, second = routes["spec"]["http"][0]["route"]
    first["weight"], second["weight"] = 0, 100
    (tmp_path / "mesh" / "routes.yaml").write_text(yaml.safe_dump(routes))
    wait_until(lambda: last_counts(demo).keys() == {"v2"}, lambda: demo.output("load"))
    for name in SERVICES:
        assert demo.processes[name].running, demo.output(name)
        for port in demo.services[name].get("ports", []):
            address, published, inside = port.split(":")
            assert address == "127.0.0.1" and published == inside, "nothing is open to the world"
            with demo.pod(name).connect(demo.services[name]["networks"]["mesh"]["ipv4_address"], int(inside)):
                pass
    status = demo.pod("control").run(*demo.image.command(["remoractl", "status"]))
    assert status.returncode == 0 and "client.default" in status.stdout, status
    page = demo.pod("proxy").fetch("control", 15080, "/")
    assert page.status == 401, "the page wants the token"


def test_prometheus_takes_its_configuration(tmp_path):
    """At the places where the container has it."""
    services = yaml.safe_load(FILE.read_text())["services"]
    for volume in services["prometheus"]["volumes"]:
        source, place, _ = volume.split(":")
        path, target = (FILE.parent / source).resolve(), tmp_path / place.removeprefix("/etc/prometheus/")
        (shutil.copytree if path.is_dir() else shutil.copy)(path, target)
    done = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True)
    assert done.returncode == 0 and "SUCCESS" in done.stdout, done
    targets = {target for job in yaml.safe_load((tmp_path / "prometheus.yml").read_text())["scrape_configs"]
               for each in job["static_configs"] for target in each["targets"]}
    assert {target.partition(":")[0] for target in targets} <= set(services)
