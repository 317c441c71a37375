"""CONNECT as a kind of upgrade, on the real Envoy and on the proxy under test: the same expectations for both."""

import pytest

from support.bootstrap import bootstrap, cluster, http, listener, route, routing, virtual_host
from support.http2_client import Http2Client
from support.http_client import Client
from support.proxy import Proxy, envoy_binary, under_test
from support.upstream import Upstream, reply

KINDS = [under_test(), *(["envoy"] if envoy_binary() and under_test() != "envoy" else [])]
CONNECT = {"upgrade_configs": [{"upgrade_type": "CONNECT"}]}
GRPC = [("content-type", "application/grpc")]


def to(cluster_name, host, **action):
    """The virtual host of a name, that leads who asks for a tunnel to a cluster."""
    one = route(to=cluster_name, **action)
    one["match"] = {"connect_matcher": {}}
    return virtual_host(one, name=host, domains=[f"{host}.local:80"])


def posted(**action):
    """The virtual host whose POSTs are tunnels."""
    return virtual_host(route(to="plain", **action), name="posted", domains=["posted.local"])


def tunnel(connection):
    """An upstream that grants tunnels and sends back what comes, until the other side ends."""
    if connection.read_request() is None:
        return
    connection.send("HTTP/1.1 200 OK\r\n\r\n")
    while data := connection.buffer or connection.sock.recv(1000):
        connection.buffer = b""
        connection.send(data)


def plain_tcp(connection):
    """An upstream that is none of HTTP: greets, then sends back what comes, until the other side ends."""
    connection.send("220 ready\n")
    while data := connection.sock.recv(1000):
        connection.send(data.upper())
    connection.send("bye")


@pytest.fixture(scope="module")
def ups():
    with Upstream("tunnel", script=tunnel) as granting, Upstream("refusing", lambda request: reply(407, {}, "no")) as refusing, \
            Upstream("shadow") as shadow, Upstream("plain", script=plain_tcp) as plain:
        yield {"granting": granting, "refusing": refusing, "shadow": shadow, "plain": plain}


@pytest.fixture(scope="module", params=KINDS)
def proxy(request, ups):
    hosts = [to("granting", "granted", request_mirror_policies=[{"cluster": "shadow"}]), to("refusing", "refused"),
             to("plain", "plain", upgrade_configs=[{"upgrade_type": "CONNECT", "connect_config": {}}]),
             posted(upgrade_configs=[{"upgrade_type": "CONNECT", "connect_config": {"allow_post": True}}]),
             to("granting", "forbidden", upgrade_configs=[{"upgrade_type": "CONNECT", "enabled": False}])]
    config = bootstrap([
        listener(http(route_config=routing(*hosts), **CONNECT)),
        listener(http(route_config=routing(*hosts)), name="without")], [cluster(name, up.port) for name, up in ups.items()])
    with Proxy(config, kind=request.param) as proxy:
        yield proxy


def connect(client, host, headers=()):
    client.send(f"CONNECT {host}.local:80 HTTP/1.1\r\nhost: {host}.local:80\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in headers) + "\r\n")
    return client.read_response_head()


def test_a_tunnel_carries_bytes_both_ways(proxy, ups):
    with Client(proxy.port()) as client:
        head = connect(client, "granted")
        assert (head.status, head.get("content-length"), head.get("transfer-encoding")) == (200, None, None)
        for text in (b"first", b"GET / HTTP/1.1\r\n\r\n", b"x" * 100_000):
            client.send(text)
            assert client.read_exactly(len(text), "in the tunnel") == text
    asked = ups["granting"].last
    assert asked.line == "CONNECT granted.local:80 HTTP/1.1"
    assert not asked.has("transfer-encoding") and not asked.has("content-length")
    assert ups["shadow"].requests == []  # a tunnel has no copy


def test_a_tunnel_over_http2(proxy):
    with Http2Client(proxy.port()) as client:
        stream = client.request(fields=[(":method", "CONNECT"), (":authority", "granted.local:80")], end=False)
        client.wait(lambda: stream.status is not None, "the answer")
        assert stream.status == 200
        client.send(stream.number, b"hello")
        client.wait(lambda: stream.body == b"hello", "the echo")
        client.send(stream.number, b"", end=True)
        client.finish(stream)


def test_what_comes_before_the_grant_waits_for_it(proxy, ups):
    """What a client says too early reaches the tunnel, once there is one, and never a server that refuses it."""
    with Http2Client(proxy.port()) as client:
        stream = client.request(fields=[(":method", "CONNECT"), (":authority", "granted.local:80")], end=False)
        for text in (b"too ", b"early", b"!"):
            client.send(stream.number, text)
        client.wait(lambda: stream.body == b"too early!", "the echo")
        refused = client.request(fields=[(":method", "CONNECT"), (":authority", "refused.local:80")], end=False)
        client.send(refused.number, b"GET /smuggled HTTP/1.1\r\nhost: refused.local\r\n\r\n")
        client.wait(lambda: refused.status is not None, "the answer")
        assert refused.status == 407
    assert {request.method for request in ups["refusing"].requests} == {"CONNECT"}


def test_what_the_upstream_refuses_is_an_answer(proxy):
    with Client(proxy.port()) as client:
        head = connect(client, "refused")
        client.read_body(head, "CONNECT")
        assert (head.status, head.text) == (407, "no")


@pytest.mark.parametrize("listener_name, host, status", [("in", "forbidden", 403), ("without", "granted", 403), ("in", "unknown", 404)])
@pytest.mark.parametrize("headers", [(), GRPC])
def test_what_no_route_allows_is_no_tunnel(proxy, listener_name, host, status, headers):
    """Who sends on after that has not sent a request: the connection ends. A CONNECT calls no method of gRPC, whatever its content type."""
    with Client(proxy.port(listener_name)) as client:
        client.send(f"CONNECT {host}.local:80 HTTP/1.1\r\nhost: {host}.local:80\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
                    + "\r\nGET / HTTP/1.1\r\nhost: granted.local:80\r\n\r\n")
        head = client.read_response_head()
        assert (head.status, head.get("connection"), head.get("grpc-status")) == (status, "close", None)
        client.read_body(head, "CONNECT")
        assert client.read_to_end() == b""


class TestToTcp:
    def test_the_upstream_gets_the_bytes_alone(self, proxy):
        with Client(proxy.port()) as client:
            head = connect(client, "plain")
            assert (head.status, head.get("content-length"), head.get("transfer-encoding")) == (200, None, None)
            assert client.read_exactly(10, "the greeting") == b"220 ready\n"
            for text in (b"hello", b"x" * 200_000):
                client.send(text)
                assert client.read_exactly(len(text), "in the tunnel") == text.upper()

    def test_over_http2_to_its_end(self, proxy):
        with Http2Client(proxy.port()) as client:
            stream = client.request(fields=[(":method", "CONNECT"), (":authority", "plain.local:80")], end=False)
            client.send(stream.number, b"hello")
            client.wait(lambda: bytes(stream.body) == b"220 ready\nHELLO", "what comes back")
            assert stream.status == 200
            client.send(stream.number, b"", end=True)
            client.wait(lambda: bytes(stream.body).endswith(b"bye"), "the end")

    def test_a_post_may_be_a_tunnel(self, proxy):
        with Client(proxy.port()) as client:
            response = client.request("POST", "/", {"content-length": "5"}, b"hello", host="posted.local")
        assert (response.status, response.body) == (200, b"220 ready\nHELLObye")

    def test_each_tunnel_has_a_connection_of_its_own(self, proxy):
        with Client(proxy.port()) as one, Client(proxy.port()) as other:
            for client in (one, other):
                assert connect(client, "plain").status == 200
                assert client.read_exactly(10, "the greeting") == b"220 ready\n"
            one.send(b"one")
            assert one.read_exactly(3, "of one") == b"ONE"
            other.send(b"other")
            assert other.read_exactly(5, "of the other") == b"OTHER"
