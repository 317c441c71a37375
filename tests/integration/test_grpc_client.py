"""A gRPC channel that is its own proxy: `xds:///NAME:PORT` resolved by remora-control, with grpc's own xDS client."""

import collections
import json
import os
from concurrent import futures

import grpc
import pytest
import yaml

from support.mesh import ControlPlane, replace, service, workload
from support.waiting import wait_until

PORT = 8080
METHOD = "/test.Echo/Name"
ADDRESS = "127.0.0.1"


class Server:
    """Answers every call with its name."""

    address = ADDRESS

    def __init__(self, name):
        handler = grpc.unary_unary_rpc_method_handler(lambda request, context: name.encode())
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Echo", {"Name": handler})])
        self.port = self.server.add_insecure_port(f"{ADDRESS}:0")
        self.server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop(0).wait()


class Mesh:
    def __init__(self, folder, servers):
        self.folder, self.servers = folder, servers
        folder.mkdir()
        self.write("app.yaml", service("myapp", PORT),
                   *(workload(name, "myapp", server, version=name) for name, server in servers.items()))

    def write(self, name, *documents):
        replace(self.folder, name, yaml.safe_dump_all(documents))

    def split(self, v1, v2):
        to = lambda subset, weight: {"destination": {"host": "myapp", "subset": subset}, "weight": weight}  # noqa: E731
        meta = {"apiVersion": "networking.istio.io/v1", "metadata": {"name": "myapp"}}
        self.write("rules.yaml", {**meta, "kind": "DestinationRule", "spec": {"host": "myapp", "subsets": [
            {"name": name, "labels": {"version": name}} for name in ("v1", "v2")]}},
            {**meta, "kind": "VirtualService", "spec": {"hosts": ["myapp"], "http": [
                {"match": [{"headers": {"x-user": {"exact": "tester"}}}], "route": [to("v2", 100)]},
                {"route": [to("v1", v1), to("v2", v2)], "corsPolicy": {"allowOrigins": [{"exact": "a"}]}}]}})


@pytest.fixture(scope="module")
def channel_to(tmp_path_factory):
    """Makes channels. gRPC keeps one xDS client for the process, so all tests of this file have one control plane."""
    folder = tmp_path_factory.mktemp("grpc")
    with Server("v1") as v1, Server("v2") as v2:
        mesh = Mesh(folder / "config", {"v1": v1, "v2": v2})
        with ControlPlane(mesh.folder) as plane:
            os.environ["GRPC_XDS_BOOTSTRAP_CONFIG"] = json.dumps({
                "xds_servers": [{"server_uri": f"{ADDRESS}:{plane.xds_port}", "channel_creds": [{"type": "insecure"}],
                                 "server_features": ["xds_v3"]}],
                "node": {"id": "sidecar~127.0.0.1~client.default~default.svc.cluster.local",
                         "metadata": {"GENERATOR": "grpc", "NAMESPACE": "default"}}})
            channels = []

            def make(target):
                channels.append(grpc.insecure_channel(f"xds:///{target}"))
                return mesh, plane, channels[-1]

            yield make
            for each in channels:
                each.close()
            os.environ.pop("GRPC_XDS_BOOTSTRAP_CONFIG")


def counts(channel, calls=40, metadata=()):
    call = channel.unary_unary(METHOD)
    return collections.Counter(call(b"", timeout=10, wait_for_ready=True, metadata=metadata).decode() for _ in range(calls))


@pytest.mark.parametrize("name", ["myapp", "myapp.default", "myapp.default.svc", "myapp.default.svc.cluster.local"])
def test_a_service_is_balanced_under_each_of_its_names(channel_to, name):
    _, plane, channel = channel_to(f"{name}:{PORT}")
    wait_until(lambda: counts(channel) == {"v1": 20, "v2": 20}, "both in turn, once both are connected")
    states = json.loads(plane.admin("/debug/syncz").body)[0]
    assert {kind: states[kind]["status"] for kind in ("CDS", "EDS", "LDS", "RDS")} == dict.fromkeys(
        ("CDS", "EDS", "LDS", "RDS"), "SYNCED")


def test_versions_are_switched_and_matched(channel_to):
    mesh, plane, channel = channel_to(f"myapp:{PORT}")
    counts(channel)
    for v1, v2, name in ((0, 100, "v2"), (100, 0, "v1")):
        mesh.split(v1, v2)
        wait_until(lambda: counts(channel, 20) == {name: 20}, f"all calls at {name}")
        assert counts(channel, 10, metadata=[("x-user", "tester")]) == {"v2": 10}
    notes = json.dumps(json.loads(plane.admin("/debug/syncz").body)[0]["notes"])
    assert "which a gRPC client does not have" in notes, "CORS is for browsers' proxies"
    (mesh.folder / "rules.yaml").unlink()
    wait_until(lambda: counts(channel, 20) == {"v1": 10, "v2": 10}, "both versions again")


def test_a_workload_that_leaves_gets_nothing_more(channel_to):
    mesh, _, channel = channel_to(f"myapp:{PORT}")
    mesh.write("app.yaml", service("myapp", PORT), workload("v1", "myapp", mesh.servers["v1"], version="v1"))
    wait_until(lambda: counts(channel, 20) == {"v1": 20}, "all calls at v1")
