"""`--default-scope=asked`: a sidecar has what its requests have asked for, and hears of nothing else."""

import json

import pytest

from support.ads import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, VIRTUAL_HOSTS
from support.control_folder import PORT, TABLE, Folder, cluster_of, pushes, routes_of
from support.delta import DeltaClient
from support.http_client import Client
from support.mesh import ControlPlane, Mesh, service, workload
from support.upstream import Upstream, reply, unused_port
from support.waiting import wait_until

OTHER = "127.0.3.1"  # where the second sidecar takes connections
ASKED = ("--default-scope", "asked")


class AskedMesh(Mesh):
    control_arguments = ASKED
    client_kind = "remora"

    def sidecar(self, name, **more):
        return super().sidecar(name, **{"REMORA_VHDS": True, **more})


def fetch_at(place, port, host):
    """Through the sidecar whose application's connections go to `place`."""
    with Client(port, place) as client:
        return client.request(host=host)


def upstream(name, closing):
    return closing(Upstream(name, lambda request: reply(200, {}, name), address="127.0.1.1"))


class TestProxies:
    @pytest.fixture
    def mesh(self, tmp_path, closing):
        mesh = AskedMesh(tmp_path / "config", "a", {"a-1": (upstream("a", closing), {})}, closing)
        mesh.apply("b.yaml", service("b", mesh.port), workload("b-1", "b", upstream("b", closing)))
        wait_until(lambda: " 2 services" in mesh.control.tail(), "the control plane knowing both")
        mesh.other = closing(mesh.sidecar("other", REMORA_OUTBOUND=OTHER))
        for place in ("127.0.0.1", OTHER):
            wait_until(lambda place=place: self.answers(mesh, place), f"the listener at {place}")
        return mesh

    def answers(self, mesh, place):
        try:
            return fetch_at(place, mesh.port, "nobody").status == 502
        except OSError:
            return False

    def known(self, proxy, mesh):
        """Of the services, those that the proxy has a cluster for."""
        text = proxy.admin("/clusters").text
        return [name for name in "abc" if f"outbound|{mesh.port}||{name}.default.svc.cluster.local::" in text]

    def updates(self, proxy):
        return sum(proxy.stats(r"vhds[.].*update_success$").values()), proxy.stat("cluster_manager.cds.update_success")

    def test_the_first_request_asks_and_the_second_does_not(self, mesh):
        assert self.known(mesh.client, mesh) == []
        assert mesh.fetch(host="a").text == "a"
        assert self.known(mesh.client, mesh) == ["a"]
        assert self.known(mesh.other, mesh) == []
        before = pushes(mesh.control)
        assert {mesh.fetch(host="a").text for _ in range(5)} == {"a"}
        assert pushes(mesh.control) == before, "nobody was asked"
        for name in ("a.default", "A.default.svc", "a.default.svc.cluster.local", f"a:{mesh.port}"):
            assert mesh.fetch(host=name).text == "a", name
        assert fetch_at(OTHER, mesh.port, "b").text == "b"
        assert self.known(mesh.other, mesh) == ["b"]
        assert self.known(mesh.client, mesh) == ["a"]

    def test_a_change_reaches_who_asked(self, mesh):
        assert mesh.fetch(host="a").text == "a"
        assert fetch_at(OTHER, mesh.port, "b").text == "b"
        before = self.updates(mesh.client)
        mesh.apply("routes.yaml", {**routes_of("b"), "spec": {"hosts": ["b"], "http": [{"directResponse": {"status": 418}}]}})
        wait_until(lambda: fetch_at(OTHER, mesh.port, "b").status == 418, "the new routes of b")
        mesh.apply("more.yaml", {**routes_of("b"), "spec": {"hosts": ["b"], "http": [{"directResponse": {"status": 417}}]},
                                 "metadata": {"name": "a-first", "creationTimestamp": "2001-01-01T00:00:00Z"}})
        assert mesh.fetch(host="a").text == "a"
        assert self.updates(mesh.client) == before, "it has not heard of any of that"

    def test_what_was_unknown_becomes_a_service(self, mesh, closing):
        assert mesh.fetch(host="c").status == 502
        mesh.apply("c.yaml", service("c", mesh.port), workload("c-1", "c", upstream("c", closing)))
        wait_until(lambda: mesh.fetch(host="c").text == "c", "the service that was asked for before")
        mesh.delete("c.yaml")
        wait_until(lambda: mesh.fetch(host="c").status == 502, "the service gone")
        wait_until(lambda: self.known(mesh.client, mesh) == [], "and its cluster")

    def test_it_keeps_what_it_has_while_the_control_plane_is_away_and_follows_it_afterwards(self, mesh, closing):
        assert mesh.fetch(host="a").text == "a"
        mesh.control.kill()
        assert mesh.fetch(host="a").text == "a"
        mesh.control = closing(ControlPlane(mesh.folder, mesh.control.xds_port, ASKED))
        mesh.apply("routes.yaml", {**routes_of("a"), "spec": {"hosts": ["a"], "http": [{"directResponse": {"status": 418}}]}})
        wait_until(lambda: mesh.fetch(host="a").status == 418, "the change after the restart")
        mesh.delete("routes.yaml")
        wait_until(lambda: mesh.fetch(host="a").text == "a", "its cluster was never away")

    def test_a_new_port_gets_a_listener_that_asks_as_well(self, mesh, closing):
        port = unused_port()
        mesh.apply("c.yaml", service("c", port), workload("c-1", "c", upstream("c", closing)))

        def answer():
            try:
                return fetch_at("127.0.0.1", port, "c").text == "c"
            except OSError:
                return False

        wait_until(answer, "a listener whose table has no hosts yet")

    def test_a_sidecar_says_more(self, mesh):
        mesh.apply("sidecar.yaml", {
            "apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "all"},
            "spec": {"workloadSelector": {"labels": {"app": "client"}}, "egress": [{"hosts": ["*/*"]}]}})
        wait_until(lambda: self.known(mesh.client, mesh) == ["a", "b"], "everything for whom a Sidecar says so")
        assert self.known(mesh.other, mesh) == []
        wait_until(lambda: mesh.fetch(host="a").text == "a", "its routes, which come after the clusters")


class TestByHand:
    @pytest.fixture
    def plane(self, tmp_path, closing):
        return closing(ControlPlane(Folder(tmp_path / "config", "a", "b").path, arguments=ASKED))

    def connect(self, plane, closing, known=None, **metadata):
        client = closing(DeltaClient(plane.xds_port, known=known, **metadata))
        client.ask(CLUSTERS)
        client.ask(ENDPOINTS)
        client.ask(LISTENERS)
        client.ask(ROUTES, TABLE)
        return client

    def test_an_answer_is_the_host_with_all_that_it_needs(self, plane, closing):
        client = self.connect(plane, closing, REMORA_VHDS=True)
        client.ask(VIRTUAL_HOSTS)
        client.wait_heard(["CDS", f"LDS +127.0.0.1_{PORT}", f"RDS +{TABLE}", f"VHDS -{TABLE}"])
        client.ask(VIRTUAL_HOSTS, f"{TABLE}/a.default:{PORT}")
        wait_until(lambda: len(client.responses) == 5, "the cluster")
        client.ask(ENDPOINTS, cluster_of("a"))
        client.wait_heard([f"CDS +{cluster_of('a')}", f"EDS +{cluster_of('a')}", f"VHDS +{TABLE}/a.default:{PORT}"], since=4)
        client.ask(VIRTUAL_HOSTS, without=[f"{TABLE}/a.default:{PORT}"])
        client.wait_heard([f"CDS -{cluster_of('a')}", f"EDS -{cluster_of('a')}"], since=7)
        client.ask(CLUSTERS, cluster_of("b"), "outbound|1||nobody")
        client.wait_heard([f"CDS +{cluster_of('b')} -outbound|1||nobody"], since=9)

    def test_who_cannot_ask_gets_the_whole_mesh_and_a_line_says_so(self, plane, closing):
        for metadata in ({}, {"REMORA_VHDS": True, "REMORA_PLAIN_ENVOY": True}):
            client = self.connect(plane, closing, **metadata)
            wait_until(lambda client=client: client.responses, "clusters")
            assert client.heard()[0] == f"CDS +{cluster_of('a')} +{cluster_of('b')}"
        assert "gets the whole mesh: it cannot ask for what it calls (its metadata have no REMORA_VHDS)" in plane.tail()
        assert "gets the whole mesh: it cannot ask for what it calls (it is a stock Envoy)" in plane.tail()
        assert json.loads(plane.admin("/debug/syncz").body)
