"""gRPC through two sidecars with mutual TLS between them: real grpc++ peers at the ends."""

import pytest

from support.bootstrap import HTTP_OPTIONS, bootstrap, cluster, http_listener, route, typed
from support.certificates import Authority, downstream_tls, upstream_tls
from support.grpc_peer import CANCELLED, INTERNAL, OK, SHAPES, UNAVAILABLE, UNIMPLEMENTED, GrpcServer, call
from support.proxy import under_test
from support.secure_mesh import SecureMesh
from support.waiting import wait_until

CLIENT, SERVER = "spiffe://cluster.local/ns/default/sa/client", "spiffe://cluster.local/ns/default/sa/server"
HTTP2 = {HTTP_OPTIONS: typed(HTTP_OPTIONS, explicit_http_config={"http2_protocol_options": {}})}
NO_BREAKERS = {"thresholds": [{name: 100000 for name in ("max_connections", "max_pending_requests", "max_requests")}]}
KINDS = [("remora", "remora"), ("remora", "envoy"), ("envoy", "remora")] if under_test() == "remora" else [
    ("envoy", "envoy")]


def uri(name):
    return {"match_typed_subject_alt_names": [{"san_type": "URI", "matcher": {"exact": name}}]}


class Sidecars:
    """client -> `front` -> mutual TLS with HTTP/2 -> `back` -> a gRPC server."""

    def __init__(self, start, closing, ca, kinds, expected=SERVER):
        mine, theirs = ca.issue("client", f"URI:{CLIENT}"), ca.issue("server", f"URI:{SERVER}")
        self.server = closing(GrpcServer(events=True))
        listener = http_listener(route(to="app", timeout="0s"), forward_client_cert_details="SANITIZE_SET",
                                 set_current_client_cert_details={"uri": True})
        listener["filter_chains"][0]["transport_socket"] = downstream_tls(
            theirs, ca=ca, require=True, rules=uri(CLIENT), alpn=["h2"])
        self.back = start(bootstrap([listener], [self.cluster("app", self.server.port)]), kind=kinds[1], concurrency=2)
        tls = upstream_tls(mine, ca=ca, rules=uri(expected), alpn=["h2"])
        self.front = start(bootstrap([http_listener(route(to="back", timeout="0s"))], [
            self.cluster("back", self.back.port(), transport_socket=tls)]), kind=kinds[0], concurrency=2)

    @staticmethod
    def cluster(name, port, **more):
        return cluster(name, port, circuit_breakers=NO_BREAKERS, typed_extension_protocol_options=HTTP2, **more)

    def call(self, *arguments, **flags):
        return call(self.front.port(), *arguments, **flags)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=KINDS, ids="-".join)
def sidecars(request, start, closing, ca):
    return Sidecars(start, closing, ca, request.param)


@pytest.mark.parametrize("shape", SHAPES)
def test_messages_of_a_mebibyte_arrive_as_they_were_sent(sidecars, shape):
    result = sidecars.call(shape, messages=8, bytes=1 << 20, calls=4, threads=2)
    assert (result.statuses, result.intact) == ({OK: 4}, True)


def test_ten_thousand_streams(sidecars):
    result = sidecars.call("unary", calls=10000, threads=16, connections=2, bytes=200)
    assert (result.statuses, result.intact) == ({OK: 10000}, True)
    assert sidecars.front.wait_stat("cluster.back.upstream_rq_total", 10000) == 10000
    assert sidecars.back.stat("cluster.app.upstream_rq_total") == 10000
    assert sidecars.front.stat("cluster.back.upstream_cx_total") <= 2  # one for each worker
    for proxy in (sidecars.front, sidecars.back):
        wait_until(lambda: proxy.stat("http.in.downstream_rq_active") == 0, lambda: "no request under way")


def test_a_long_conversation_and_many_streams_of_every_shape(sidecars):
    assert sidecars.call("chat", messages=5000, lockstep=True).messages == 5000
    for shape in SHAPES:
        result = sidecars.call(shape, messages=10, bytes=2000, calls=500, threads=16)
        assert (result.statuses, result.intact) == ({OK: 500}, True), shape


def test_statuses_metadata_and_identity(sidecars):
    result = sidecars.call(status=INTERNAL, message="no", metadata=["x-back-a=1", "x-back-b-bin=\x01\x02"])
    assert (result.status, result.message) == (INTERNAL, "no")
    assert [pair for pair in result.tail if pair[0].startswith("tail-")] == [
        ("tail-x-back-a", "1"), ("tail-x-back-b-bin", "\x01\x02")]
    metadata = dict(wait_until(sidecars.server.begun, lambda: "the call at the server")[0]["metadata"])
    assert metadata["x-forwarded-client-cert"].endswith(f"URI={CLIENT}")


def test_a_cancellation_reaches_the_server(sidecars):
    assert sidecars.call("spread", messages=1000000, bytes=1000, cancel_after=3).status == CANCELLED
    assert wait_until(sidecars.server.ended, lambda: "the end of the call at the server")[0]["cancelled"] is True
    assert sidecars.call().status == OK


def test_a_server_with_another_name_is_unavailable(start, closing, ca):
    pair = Sidecars(start, closing, ca, KINDS[0], expected="spiffe://cluster.local/ns/other/sa/server")
    result = pair.call()
    assert (result.status, result.message) == (
        UNAVAILABLE, "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure")
    assert pair.front.stat("cluster.back.ssl.fail_verify_san") == 1
    assert pair.server.begun() == []


def test_the_mesh_of_the_control_plane(tmp_path, closing):
    """The whole of it: certificates of the mesh's own authority over SDS, STRICT, a service with a port for gRPC."""
    server = GrpcServer(events=True)
    mesh = SecureMesh(tmp_path, closing, KINDS[0], app=server, port_name="grpc")
    port = wait_until(lambda: mesh.client.listeners().get(f"127.0.0.1_{mesh.port}"), lambda: "the client's listener")
    authority = {"authority": "myapp"}
    wait_until(lambda: call(port, **authority).status == OK, lambda: f"the mesh serving: {mesh.control.findings()}")
    for shape in SHAPES:
        result = call(port, shape, messages=8, bytes=1 << 20, calls=4, threads=2, **authority)
        assert (result.statuses, result.intact) == ({OK: 4}, True), shape
    result = call(port, "unary", calls=10000, threads=16, **authority)
    assert (result.statuses, result.intact) == ({OK: 10000}, True)
    assert call(port, authority="elsewhere").status in (UNIMPLEMENTED, UNAVAILABLE)
    client, server = ("spiffe://cluster.local/ns/default/sa/" + name for name in ("client", "myapp"))
    for proxy, reporter, policy in ((mesh.client, "source", "unknown"), (mesh.server, "destination", "mutual_tls")):
        wait_until(lambda: has_series(proxy, reporter=reporter, request_protocol="grpc", grpc_response_status="0",
                                      connection_security_policy=policy, source_principal=client,
                                      destination_principal=server),
                   lambda: f"the series of the {reporter}: {series(proxy)}")


    for proxy in (mesh.client, mesh.server):  # four calls of each shape, then the ten thousand
        assert messages(proxy, "request") >= 4 * (1 + 8 + 1 + 8) + 10000
        assert messages(proxy, "response") >= 4 * (1 + 1 + 8 + 8) + 10000


def messages(proxy, side):
    lines = series(proxy, f"istio_{side}_messages_total")
    return sum(int(line.rpartition(" ")[2]) for line in lines)


def series(proxy, name="istio_requests_total"):
    text = proxy.admin("/stats/prometheus").text
    return [line for line in text.splitlines() if line.startswith(name + "{")]


def has_series(proxy, **labels):
    return any(all(f'{name}="{value}"' in line for name, value in labels.items()) for line in series(proxy))
