"""The seeds' api-canary.yaml as it stands: minutes as minutes, port 8080, its load tester's name, its hey.

Ten minutes long, so it runs when asked for (REMORA_REAL_MINUTES=1, as ./dev soak does)."""

import os
import pathlib
import shutil

import pytest

from support import namespace
from support.proxy import Process, bin_dir
from support.rollout_mesh import RolloutMesh
from support.upstream import reply
from support.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEDS = pathlib.Path(os.environ.get("REMORA_SEEDS", ROOT.parent / "shared" / "seeds" / "manifests"))
INSIDE = os.environ.get(namespace.INSIDE) == "yes"

pytestmark = [
    pytest.mark.skipif(not SEEDS.is_dir(), reason=f"the seeds' manifests are not at {SEEDS}"),
    pytest.mark.skipif(not os.environ.get("REMORA_REAL_MINUTES"), reason="takes ten minutes (REMORA_REAL_MINUTES=1)"),
    pytest.mark.skipif(not shutil.which("hey"), reason="hey is not installed (./dev setup)"),
    pytest.mark.skipif(not namespace.available(), reason="no user namespaces on this machine"),
]


@pytest.mark.skipif(INSIDE, reason="starts the namespace")
@pytest.mark.parametrize("end", ["promoted", "rolled_back"])
def test_api_canary_yaml_unmodified(tmp_path, end):
    namespace.run_inside(f"{__file__}::test_inside[{end}]", ["api", "flagger-loadtester.test"], tmp_path, 1200)


@pytest.mark.skipif(not INSIDE, reason="only inside the namespace")
@pytest.mark.parametrize("end", ["promoted", "rolled_back"])
def test_inside(tmp_path, closing, end):
    namespace.raise_loopback()
    mesh = RolloutMesh(tmp_path / "mesh", closing, port=8080, arguments=())
    mesh.add_version("v1")
    mesh.wait_serving()
    tester = closing(Process("loadtester", [bin_dir() / "remoractl", "loadtester", "--address", "127.0.0.1:80",
                                            "--allow", "hey", "--host", "flagger-loadtester.test"]))
    mesh.apply("canary.yaml", (SEEDS / "api-canary.yaml").read_text())
    mesh.wait_phase("Initialized", seconds=120)
    mesh.wait_routes("api-primary")
    mesh.add_version("v2", None if end == "promoted" else lambda request: reply(503, body="v2"))
    if end == "promoted":
        mesh.wait_phase("Succeeded", seconds=900)
        assert [entry["weight"] for entry in mesh.decisions("advance")] == [10, 20, 30, 40, 50]
        assert mesh.status["lastPromotedSpec"] == "v2"
    else:
        mesh.wait_phase("Failed", seconds=900)
        assert mesh.status["canaryWeight"] == 0 and mesh.decisions("rollback")
        assert "success rate" in str(mesh.decisions("hold"))
    assert "hey -z 1m -q 10 -c 2 http://api:8080/health" in tester.log
    version = "v2" if end == "promoted" else "v1"
    wait_until(lambda: {mesh.fetch().text for _ in range(20)} == {version}, f"all requests at {version}")
