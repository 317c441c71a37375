"""Statistics that proxies push to remora-control, and what it makes of them: counted against what the client sent."""

import json
import re

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from support.mesh import ControlPlane, Mesh, pushing
from support.metrics_service import MESSAGE, METHOD
from support.proxy import under_test
from support.upstream import Upstream, reply
from support.waiting import wait_until

PUSH = "0.1s"
pytestmark = pytest.mark.skipif(under_test() == "envoy", reason="it has a real Envoy of its own beside Remora")
ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: myapp}
spec:
  hosts: [myapp]
  http:
  - match: [{headers: {version: {exact: v2}}}]
    route: [{destination: {host: myapp, subset: v2}}]
  - route: [{destination: {host: myapp, subset: v1}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: myapp}
spec:
  host: myapp
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
"""


class Reporting(Mesh):
    """A mesh whose proxies push their statistics to the control plane."""

    kind = None

    def sidecar(self, name, address="127.0.0.1", **metadata):
        return super().sidecar(name, address, push=PUSH, kind=self.kind, **metadata)

    def traffic(self):
        return json.loads(self.control.admin("/debug/traffic").body)

    def version(self, version):
        """What the page shows of one version; {} if nothing."""
        return next((entry for found in self.traffic()["services"] if found["name"] == self.app
                     for entry in found["versions"] if entry["version"] == version), {})

    def window(self, version, seconds=3600):
        return json.loads(self.control.admin(
            f"/debug/traffic?app={self.app}&version={version}&window={seconds}").body)

    def wait_reports(self, proxies):
        wait_until(lambda: self.traffic()["proxies"] == proxies and self.window("v1")["coveredMs"] > 0,
                   lambda: f"{proxies} proxies: {self.traffic()}")

    def call(self, version, count=1):
        return [self.fetch(headers=[("version", version)]).status for _ in range(count)]

    def flush(self):
        """Waits until what happened so far has been reported."""
        def reports():
            return float(re.search(r"^remora_control_telemetry_reports_total (.*)$", self.control.admin("/metrics").text,
                                   re.M)[1])
        before, proxies = reports(), self.traffic()["proxies"]
        wait_until(lambda: reports() >= before + 3 * proxies, "three reports more")

    def wait_counted(self, version, requests, failures=0):
        wait_until(lambda: [self.window(version)[key] for key in ("requests", "failures", "durations")]
                   == [requests, failures, requests],
                   lambda: f"{requests} requests, {failures} failures: {self.window(version)}")


class StockEnvoy(Reporting):
    kind = "envoy"


@pytest.fixture
def begin(tmp_path, closing):
    def begin(mesh_type=Reporting, v2=None):
        upstreams = {"v1": closing(Upstream()), "v2": closing(v2 or Upstream())}
        mesh = mesh_type(tmp_path / "mesh", "myapp", {
            f"myapp-{version}": (upstream, {"version": version}) for version, upstream in upstreams.items()}, closing)
        mesh.apply("routes.yaml", ROUTES)
        mesh.wait_serving()
        wait_until(lambda: mesh.call("v2") and upstreams["v2"].requests, "the routes")
        mesh.wait_reports(1)
        mesh.flush()
        return mesh
    return begin


@pytest.mark.parametrize("mesh_type", [Reporting, StockEnvoy])
def test_counts_are_those_of_the_client(begin, mesh_type):
    mesh = begin(mesh_type)
    before = {version: mesh.window(version)["requests"] for version in ("v1", "v2")}
    assert set(mesh.call("v1", 40) + mesh.call("v2", 10)) == {200}
    mesh.wait_counted("v1", before["v1"] + 40)
    mesh.wait_counted("v2", before["v2"] + 10)
    mesh.flush()
    mesh.wait_counted("v2", before["v2"] + 10)  # and no more
    shown = mesh.version("v2")
    assert shown["reporter"] == ("cluster" if mesh_type is StockEnvoy else "source")
    assert shown["workloads"] == ([] if mesh_type is StockEnvoy else ["myapp-v2"])
    assert shown["successRate"] == 100 and shown["requestsPerSecond"] > 0
    assert 0 < shown["p50Ms"] <= shown["p99Ms"]
    assert len(shown["series"]["successRate"]) == len(shown["series"]["p99Ms"]) <= 150


def test_failures_are_those_of_the_version(begin, closing):
    mesh = begin(v2=Upstream(answer=lambda request: reply(503 if request.target == "/bad" else 200)))
    before = mesh.window("v2")["requests"]
    for target in ["/good"] * 6 + ["/bad"] * 4:
        mesh.fetch(target, headers=[("version", "v2")])
    mesh.wait_counted("v2", before + 10, failures=4)
    assert mesh.version("v2")["successRate"] < 100
    assert mesh.window("v1")["failures"] == 0


def test_the_destination_is_believed_first(begin, closing):
    """Both sides count; once the inbound proxy has something to say, the caller's numbers are not added to it."""
    mesh = begin()
    app, address = closing(Upstream()), "127.0.9.7"
    mesh.apply("v3.yaml", {
        "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry", "metadata": {"name": "myapp-v3"},
        "spec": {"address": address, "ports": {"http": app.port}, "labels": {"app": "myapp", "version": "v1"}}})
    closing(mesh.sidecar("myapp-v3", address, REMORA_OUTBOUND="none", LABELS={"app": "myapp", "version": "v1"}))
    mesh.wait_reports(2)
    wait_until(lambda: mesh.call("v1") == [200] and mesh.version("v1").get("reporter") == "destination",
               lambda: f"reports of the inbound proxy: {mesh.version('v1')}")
    mesh.flush()
    arrived = len(app.requests)
    before = mesh.window("v1")["requests"]
    mesh.call("v1", 20)
    mesh.wait_counted("v1", before + len(app.requests) - arrived)
    assert mesh.version("v1")["workloads"] == ["myapp-v3"]


def test_a_restarted_control_plane_says_what_it_has_not_seen(begin, closing):
    mesh = begin()
    mesh.call("v1", 20)
    mesh.flush()
    assert mesh.window("v1")["requests"] >= 20
    port = mesh.control.xds_port
    mesh.control.terminate()
    assert set(mesh.call("v1", 5)) == {200}
    mesh.control = closing(ControlPlane(mesh.folder, port))
    mesh.wait_reports(1)
    mesh.flush()
    assert mesh.window("v1")["requests"] == 0  # of before: nobody knows when
    assert mesh.window("v1", 3600)["coveredMs"] < 60_000
    mesh.call("v1", 7)
    mesh.wait_counted("v1", 7)


def test_a_restarted_proxy_counts_nothing_twice(begin, closing):
    mesh = begin()
    mesh.call("v1", 20)
    mesh.flush()
    before = mesh.window("v1")["requests"]
    mesh.client.terminate()
    mesh.client = closing(mesh.sidecar("client"))
    mesh.wait_serving()
    served = before + 1  # the request that found out
    mesh.wait_counted("v1", served)
    mesh.call("v1", 5)
    mesh.wait_counted("v1", served + 5)


def identifier(node_id):
    """Who sends a stream's first message: field 1 is the node, which is short enough here for a size of two bytes."""
    node = base_pb2.Node(id=node_id).SerializeToString()
    return bytes([0x0A, 0x80 | len(node) & 0x7F, len(node) >> 7]) + node


def test_senders_of_nonsense_are_turned_away(begin):
    """Streams without a node, with an absurd one, with garbage: each ends, and reports go on."""
    mesh = begin()
    with grpc.insecure_channel(f"127.0.0.1:{mesh.control.xds_port}") as channel:
        send = channel.stream_unary(METHOD, request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw)

        def status(*messages):
            try:
                send(iter(messages), timeout=20)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK
        assert status(MESSAGE().SerializeToString()) == grpc.StatusCode.INVALID_ARGUMENT
        assert status(MESSAGE(identifier=identifier("x" * 2000)).SerializeToString()) == grpc.StatusCode.INVALID_ARGUMENT
        for garbage in (b"\xff" * 1000, b"\x12\xff\xff", b"\0" * (20 << 20)):
            status(garbage)
            status(MESSAGE(identifier=identifier("n")).SerializeToString(), garbage)
        assert status(MESSAGE(identifier=identifier("n")).SerializeToString()) == grpc.StatusCode.OK
        assert status() == grpc.StatusCode.OK
    before = mesh.window("v1")["requests"]
    mesh.call("v1", 3)
    mesh.wait_counted("v1", before + 3)
    wait_until(lambda: mesh.traffic()["proxies"] == 1, "only the sidecar reports")


def test_a_sink_without_labels_is_told_so(begin, closing):
    mesh = begin()
    config = pushing("xds-grpc", PUSH)
    config["stats_sinks"][0]["typed_config"]["emit_tags_as_labels"] = False
    other = closing(Mesh.sidecar(mesh, "other", push=config))
    wait_until(lambda: "emit_tags_as_labels: true" in other.log, lambda: f"a hint in its log:\n{other.tail()}")


def test_it_is_asked_nonsense(begin):
    mesh = begin()
    assert mesh.control.admin("/debug/traffic?app=myapp&window=much").status == 400
    assert mesh.control.admin("/debug/traffic?app=nobody").status == 200
    assert "remora_control_telemetry_proxies 1" in mesh.control.admin("/metrics").text
