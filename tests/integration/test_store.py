"""What the control plane's store survives: faults of the disk, edits by hand, kill -9, and resources that fall out of step."""

import json
import os
import signal
import threading

import pytest
import yaml

from support.http_client import ConnectionClosed, fetch
from support.mesh import ControlPlane, Mesh, service
from support.upstream import Upstream
from support.waiting import wait_until

ROUTES = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
RULES = "/apis/networking.istio.io/v1/namespaces/default/destinationrules"


class Api:
    """The resource API, spoken by hand."""

    def __init__(self, control):
        self.control = control

    def ask(self, method, path, body=None):
        """Status and document."""
        response = fetch(self.control.api_port, path, method, headers={"content-type": "application/json"},
                         body=json.dumps(body).encode() if body is not None else b"",
                         host=f"127.0.0.1:{self.control.api_port}")
        return response.status, json.loads(response.body)

    def put(self, path, body):
        """Creates or replaces, as it is needed."""
        name = body["metadata"]["name"]
        status, found = self.ask("GET", f"{path}/{name}")
        if status == 404:
            return self.ask("POST", path, body)
        version = found["metadata"]["resourceVersion"]
        return self.ask("PUT", f"{path}/{name}", {**body, "metadata": {"name": name, "resourceVersion": version}})


def virtual_service(timeout="5s", host="api", **destination):
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "api"}, "spec": {
        "hosts": ["api"], "http": [{"timeout": timeout, "route": [{"destination": {"host": host, **destination}}]}]}}


def rule(*subsets):
    return {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "api"}, "spec": {
        "host": "api", "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]}}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "mesh.yaml").write_text(yaml.safe_dump(service("api", 8080)))
    return folder


@pytest.fixture
def control(folder):
    with ControlPlane(folder) as control:
        yield control


def file_of(control):
    return control.store / "virtualservices.networking.istio.io" / "default" / "api.yaml"


def test_a_store_that_cannot_be_written_refuses_changes_and_serves_on(control):
    api = Api(control)
    assert api.put(ROUTES, virtual_service("1s"))[0] == 201
    place = file_of(control)
    text = place.read_text()
    place.unlink()
    place.mkdir()  # stops root as well, as a full disk would
    (place / "x").touch()
    status, refusal = api.put(ROUTES, virtual_service("2s"))
    assert (status, refusal["kind"], refusal["reason"]) == (500, "Status", "InternalError")
    assert str(place) in refusal["message"], refusal
    (place / "x").unlink()
    place.rmdir()
    place.write_text(text)
    status, _ = api.put(ROUTES, virtual_service("3s"))
    assert status == 200
    assert yaml.safe_load(place.read_text())["spec"]["http"][0]["timeout"] == "3s"


def test_an_edit_by_hand_is_taken_in(control):
    api = Api(control)
    api.put(ROUTES, virtual_service("1s"))
    document = yaml.safe_load(file_of(control).read_text())
    document["spec"]["http"][0]["timeout"] = "7s"
    file_of(control).write_text(yaml.safe_dump(document))
    wait_until(lambda: api.ask("GET", f"{ROUTES}/api")[1]["spec"]["http"][0]["timeout"] == "7s",
               lambda: f"the edit taken in:\n{control.tail()}")
    assert api.ask("GET", f"{ROUTES}/api")[1]["metadata"]["generation"] == 2


def test_a_broken_edit_is_told_and_not_overwritten(control):
    api = Api(control)
    api.put(ROUTES, virtual_service("1s"))
    file_of(control).write_text("spec: [")
    control.wait_finding("api.yaml", "not valid YAML")
    assert api.ask("GET", f"{ROUTES}/api")[1]["spec"]["http"][0]["timeout"] == "1s"
    status, refusal = api.put(ROUTES, virtual_service("2s"))
    assert status == 500 and "changed by hand" in refusal["message"], refusal
    assert file_of(control).read_text() == "spec: ["


def test_a_second_control_plane_does_not_get_the_store(control, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(AssertionError, match="another remora-control has it"):
        ControlPlane(other, arguments=["--store", control.store])


def test_nothing_that_was_answered_is_lost_by_kill_9(folder):
    """Writes go on until the process dies at whatever instruction; what it had answered is there at the next start."""
    answered, asked = "1s", "1s"
    for round_number in range(8):
        with ControlPlane(folder) as control:
            api = Api(control)
            if round_number:
                status, found = api.ask("GET", f"{ROUTES}/api")
                assert status == 200
                assert found["spec"]["http"][0]["timeout"] in (answered, asked)
            assert api.put(ROUTES, virtual_service(answered))[0] in (200, 201)
            counting = threading.Event()
            killer = threading.Thread(target=lambda: (counting.wait(10), os.kill(control.pid, signal.SIGKILL)))
            killer.start()
            try:
                for number in range(2, 100_000):
                    asked = f"{number}s"
                    assert api.put(ROUTES, virtual_service(asked))[0] == 200
                    answered = asked
                    if number == 5 + 3 * round_number:
                        counting.set()
            except (OSError, ConnectionClosed):
                pass  # it is gone
            killer.join()
    assert answered != "1s"


@pytest.fixture
def mesh(tmp_path, closing):
    upstreams = {name: closing(Upstream(name, address="127.0.1.1")) for name in ("v1", "v2")}
    mesh = Mesh(tmp_path / "config", "api", {
        name: (upstream, {"version": name}) for name, upstream in upstreams.items()}, closing)
    return mesh.wait_serving()


def test_what_falls_out_of_step_is_told_in_its_status_and_the_last_good_routing_stays(mesh):
    api = Api(mesh.control)
    assert api.put(RULES, rule("v1", "v2"))[0] == 201
    before = mesh.route_updates()
    assert api.put(ROUTES, virtual_service(subset="v2"))[0] == 201
    wait_until(lambda: mesh.route_updates() > before, lambda: f"new routes: {mesh.control.findings()}")
    assert mesh.fetch().get("x-upstream") == "v2"
    assert api.put(RULES, rule("v1"))[0] == 200

    def condition():
        found = api.ask("GET", f"{ROUTES}/api")[1].get("status", {}).get("conditions", [])
        return next((each for each in found if each["type"] == "Reconciled" and each["status"] == "False"), None)

    told = wait_until(condition, lambda: f"a status that tells: {mesh.control.findings()}")
    assert "spec.http[0].route[0].destination.subset" in told["message"], told
    assert mesh.fetch().get("x-upstream") == "v2", "the last good routing must stay"
    assert api.put(RULES, rule("v1", "v2"))[0] == 200
    wait_until(lambda: condition() is None, lambda: f"a status that is good again: {mesh.control.findings()}")
