"""docker/compose.yaml by the parser of `docker compose`: what it understands is what is meant."""

import json
import os
import pathlib
import subprocess

import pytest
from support.composed import FILE, OURS
from support.proxy import ROOT

READER = pathlib.Path(os.environ.get("REMORA_COMPOSE_READER", ROOT / "build" / "tools" / "compose"))
pytestmark = pytest.mark.skipif(not READER.exists(), reason="no reader of compose files here: `./dev test --kubernetes` builds it")


def read(path):
    return subprocess.run([READER, path], capture_output=True, text=True)


@pytest.fixture(name="project", scope="module")
def _project():
    done = read(FILE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_service_is_there(project):
    assert set(project["services"]) == {"control", "backend-v1", "backend-v2", "proxy", "load", "prometheus"}
    assert project["services"]["load"]["network_mode"] == "service:proxy"
    assert project["services"]["prometheus"]["profiles"] == ["monitoring"]


def test_everything_it_names_is_in_the_checkout(project):
    for name, service in project["services"].items():
        for volume in service["volumes"]:
            assert volume["type"] == "bind" and volume["read_only"] and pathlib.Path(volume["source"]).exists(), f"{name}: {volume}"
        if service["image"] == OURS:
            build = service["build"]
            assert pathlib.Path(build["context"]) == ROOT and (ROOT / build["dockerfile"]).exists()


def test_nothing_has_more_than_it_needs(project):
    for name, service in project["services"].items():
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name
        if name != "prometheus":
            assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"], name
    assert project["services"]["control"]["tmpfs"] == ["/state:uid=1337,gid=1337,mode=0700"]


def test_what_is_no_compose_file_is_refused(tmp_path):
    """So that a reading that succeeds means something."""
    (tmp_path / "compose.yaml").write_text(FILE.read_text().replace("cap_drop:", "cap_dorp:"))
    done = read(tmp_path / "compose.yaml")
    assert done.returncode == 1 and "cap_dorp" in done.stderr
