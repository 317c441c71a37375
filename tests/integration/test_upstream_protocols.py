"""Every pairing of what clients and upstreams speak: HTTP/1, HTTP/2, plain or TLS, by rule, by request or by ALPN."""

import json
import ssl

import pytest

from support.bootstrap import HTTP_OPTIONS, bootstrap, cluster, endpoint, http_listener, route, typed
from support.certificates import Authority, TlsUpstream, upstream_tls
from support.http2_client import WEBSOCKET, Http2Client
from support.http2_server import Codes, Http2Upstream
from support.http_client import chunked
from support.proxy import under_test
from support.upstream import Upstream, echo
from support.waiting import wait_until

MIB = 1024 * 1024
WEBSOCKETS = {"upgrade_configs": [{"upgrade_type": "websocket"}]}
UPGRADE = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
           "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}


def options(upstream=None, **protocol):
    return {"typed_extension_protocol_options": {HTTP_OPTIONS: typed(
        HTTP_OPTIONS, **protocol, **({"upstream_http_protocol_options": upstream} if upstream else {}))}}


def http2(upstream=None, **settings):
    return options(upstream, explicit_http_config={"http2_protocol_options": settings})


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca):
    return ca.issue("server", "DNS:a.test", "DNS:b.test", "IP:127.0.0.1")


@pytest.fixture
def behind(start):
    """A proxy whose cluster `up` is as given; `manager`: fields of the connection manager."""
    def begin(upstream, cluster_fields, manager=None, **route_fields):
        return start(bootstrap([http_listener(route(to="up", **route_fields), **(manager or {}))],
                               [cluster("up", upstream if isinstance(upstream, dict) else upstream.port, **cluster_fields)]))
    return begin


def tls_wrap(pair, *alpn):
    """TLS of a server that speaks these protocols, and the names that clients asked it for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    if alpn:
        context.set_alpn_protocols(alpn)
    names = []
    context.sni_callback = lambda _, name, __: names.append(name)
    return lambda sock: context.wrap_socket(sock, server_side=True), names


class TestChoice:
    def test_the_requests_own_protocol(self, behind, closing):
        """One cluster, two kinds of connection."""
        upstream = closing(Upstream(script=lambda connection: either(connection)))

        def either(connection):
            start = connection.sock.recv(3)
            kinds.append("h2" if start == b"PRI" else "h1")
            if start != b"PRI":
                connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            connection.read_to_end()

        kinds = []
        proxy = behind(upstream, options(use_downstream_protocol_config={
            "http_protocol_options": {}, "http2_protocol_options": {}}), timeout="1s")
        assert proxy.fetch().status == 200
        with Http2Client(proxy.port()) as client:
            client.fetch()
        assert kinds == ["h1", "h2"]
        assert proxy.stat("cluster.up.upstream_cx_http1_total") == 1
        assert proxy.stat("cluster.up.upstream_cx_http2_total") == 1

    @pytest.mark.parametrize("offered, number", [(("h2", "http/1.1"), 2), (("http/1.1",), 1), ((), 1)])
    def test_alpn_decides(self, behind, closing, ca, pair, offered, number):
        wrap, _ = tls_wrap(pair, *offered)
        if number == 2:
            upstream = closing(Http2Upstream(wrap=wrap))
        else:
            upstream = closing(TlsUpstream(pair))
            if offered:
                upstream.context.set_alpn_protocols(offered)
        proxy = behind(upstream, {"transport_socket": upstream_tls(ca=ca), **options(auto_config={
            "http_protocol_options": {}, "http2_protocol_options": {}})})
        with proxy.connect() as client:
            assert [client.request().text for _ in range(3)] == ["upstream"] * 3
        assert proxy.stat(f"cluster.up.upstream_cx_http{number}_total") == 1
        assert proxy.stat("cluster.up.ssl.handshake") == 1

    def test_http2_over_tls_offers_h2_alone(self, behind, closing, ca, pair):
        wrap, _ = tls_wrap(pair, "h2", "http/1.1")
        agreed = []
        upstream = closing(Http2Upstream(wrap=lambda sock: agreed.append(wrap(sock)) or agreed[-1]))
        proxy = behind(upstream, {"transport_socket": upstream_tls(ca=ca), **http2()})
        assert proxy.fetch().text == "upstream"
        assert agreed[0].selected_alpn_protocol() == "h2"


class TestNames:
    def test_the_requests_host_is_asked_for_and_verified(self, behind, closing, ca, pair):
        wrap, names = tls_wrap(pair, "h2")
        upstream = closing(Http2Upstream(wrap=wrap))
        proxy = behind(upstream, {"transport_socket": upstream_tls(ca=ca),
                                  **http2({"auto_sni": True, "auto_san_validation": True})})
        assert proxy.fetch(host="a.test:80").status == 200
        assert proxy.fetch(host="b.test").status == 200
        assert proxy.fetch(host="a.test").status == 200
        assert proxy.fetch(host="c.test").status == 503
        assert names == ["a.test", "b.test", "c.test"]
        assert proxy.stat("cluster.up.ssl.fail_verify_san") == 1
        # An address is never sent as a name, and verified as what it is.
        assert proxy.fetch(host="127.0.0.1").status == 200
        assert names[3:] == [None]

    def test_a_header_may_name_the_host(self, behind, closing, ca, pair):
        wrap, names = tls_wrap(pair, "h2")
        upstream = closing(Http2Upstream(wrap=wrap))
        proxy = behind(upstream, {"transport_socket": upstream_tls(ca=ca), **http2(
            {"auto_sni": True, "override_auto_sni_header": "x-sni"})})
        assert proxy.fetch(headers={"x-sni": "b.test"}, host="a.test").status == 200
        assert proxy.fetch(host="a.test").status == 200
        assert names == ["b.test", "a.test"]

    def test_endpoints_choose_their_transport(self, start, closing, ca, pair):
        secure, plain = closing(TlsUpstream(pair, name="secure")), closing(Upstream("plain"))
        hosts = [endpoint(secure.port, metadata=None), endpoint(plain.port)]
        hosts[0]["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"tlsMode": "istio"}}}
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", *hosts, transport_socket_matches=[
            {"name": "tlsMode-istio", "match": {"tlsMode": "istio"}, "transport_socket": upstream_tls(ca=ca)},
            {"name": "tlsMode-disabled", "match": {}, "transport_socket": {"name": "envoy.transport_sockets.raw_buffer",
             "typed_config": typed("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer")}}])]))
        with proxy.connect() as client:
            assert {client.request().text for _ in range(4)} == {"secure", "plain"}
        assert proxy.stat("cluster.up.ssl.handshake") == 1


class TestMessages:
    def test_http2_all_the_way(self, behind, closing):
        """Fields, a body of unknown length, trailers both ways, an interim answer."""
        def answer(stream):
            stream.inform(103, [("link", "</style>; rel=preload")])
            stream.respond(200, [("x-up", "yes")], stream.body[::-1], trailers=[("x-sum", "42"), *stream.trailers])

        upstream = closing(Http2Upstream(on_request=answer))
        proxy = behind(upstream, http2())
        with Http2Client(proxy.port()) as client:
            request = client.request("/p", "POST", end=False)
            client.send(request.number, b"abc")
            client.trailers(request.number, [("x-sent", "1")])
            response = client.finish(request)
        assert (response.status, response.body, response.get("x-up")) == (200, b"cba", "yes")
        assert dict(response.trailers) == {"x-sum": "42", "x-sent": "1"}
        if under_test() == "remora":  # Envoy drops interim answers
            assert response.interim == [103]

    def test_http1_trailers_become_http2_ones(self, behind, closing):
        upstream = closing(Http2Upstream(on_request=lambda stream: stream.respond(
            200, body=stream.body, trailers=[("x-after", "body"), *stream.trailers])))
        proxy = behind(upstream, http2(), manager={"http_protocol_options": {"enable_trailers": True}})
        with proxy.connect() as client:
            client.send(b"POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n" +
                        chunked(b"one", b"two", trailers=[("x-sent", "1")]))
            response = client.response("POST")
        assert response.text == "onetwo" and dict(response.trailers) == {"x-after": "body", "x-sent": "1"}

    def test_http2_requests_to_an_http1_upstream(self, behind, closing):
        upstream = closing(Upstream(answer=echo))
        proxy = behind(upstream, {})
        with Http2Client(proxy.port()) as client:
            seen = json.loads(client.fetch("/p", "POST", body=b"12345").body)
        assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/p", 5)
        assert dict(map(tuple, seen["headers"]))["host"]

    def test_websocket_becomes_extended_connect(self, behind, closing):
        def shake_hands(stream):
            if stream.get(":protocol") == "websocket":
                stream.respond(200, end=False)

        upstream = closing(Http2Upstream(on_head=shake_hands, on_request=lambda stream: stream.send(b"", end=True),
                                         settings={Codes.ENABLE_CONNECT_PROTOCOL: 1}))
        proxy = behind(upstream, http2(allow_connect=True), manager=WEBSOCKETS)
        with proxy.connect() as client:
            client.send(b"GET /chat HTTP/1.1\r\nhost: a\r\n" +
                        "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items()).encode() + b"\r\n")
            line, headers = client.read_head()
            assert b" 101 " in line, line
            stream = upstream.wait_for()[0]
            assert stream.get(":method") == "CONNECT" and stream.get(":path") == "/chat"
            client.send(b"ping")
            wait_until(lambda: stream.body == b"ping", lambda: f"tunnel, got {stream.body}")
            stream.send(b"pong")
            assert client.read_exactly(4, "in the tunnel") == b"pong"

    def test_mirrors_speak_http2_too(self, start, closing):
        main, shadow = closing(Upstream("main")), closing(Http2Upstream("shadow"))
        proxy = start(bootstrap([http_listener(route(to="main", request_mirror_policies=[{"cluster": "shadow"}]))],
                                [cluster("main", main.port), cluster("shadow", shadow.port, **http2())]))
        assert proxy.fetch("/", "POST", body=b"twice").text == "main"
        stream = shadow.wait_for()[0]
        wait_until(lambda: stream.complete, lambda: "the shadow's end")
        assert stream.body == b"twice" and stream.get(":authority") == "test.local-shadow"


class TestFlowControl:
    def test_a_slow_reader_holds_its_upstream_back(self, behind, closing):
        """The client reads nothing: of 16 MiB no more leaves the upstream than windows and buffers hold."""
        upstream = closing(Http2Upstream(on_request=lambda stream: stream.respond(200, body=bytes(16 * MIB))))
        proxy = behind(upstream, {**http2(initial_stream_window_size=MIB, initial_connection_window_size=2 * MIB),
                                  "per_connection_buffer_limit_bytes": 65536})
        with proxy.connect(receive_buffer=65536) as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            stream = upstream.wait_for()[0]
            wait_until(lambda: stable(lambda: len(stream.unsent)), lambda: "the upstream held back")
            assert len(stream.unsent) > 8 * MIB
            response = client.response()
            assert len(response.body) == 16 * MIB

    def test_a_slow_upstream_holds_its_client_back(self, behind, closing):
        upstream = closing(Http2Upstream(reads=False, on_request=lambda stream: None))
        proxy = behind(upstream, {**http2(), "per_connection_buffer_limit_bytes": 65536},
                       manager={"stream_idle_timeout": "60s"}, timeout="0s")
        with proxy.connect() as client:
            client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 33554432\r\n\r\n")
            client.sock.setblocking(False)
            sent = 0

            def push():
                nonlocal sent
                try:
                    sent += client.sock.send(bytes(65536))
                except BlockingIOError:
                    pass
                return sent

            wait_until(lambda: stable(push), lambda: "the client held back")
            assert sent < 24 * MIB
            memory = proxy.stat("server.memory_allocated")
            assert memory < 64 * MIB, memory


def stable(value, looks=[]):  # noqa: B006 - remembers what it saw
    """True once `value()` has stayed the same for twenty looks."""
    looks.append(value())
    return len(looks) >= 20 and len(set(looks[-20:])) == 1


class TestKeepAlive:
    def test_a_dead_upstream_is_found_by_pings(self, behind, closing):
        upstream = closing(Http2Upstream(on_request=lambda stream: None))
        proxy = behind(upstream, http2(connection_keepalive={"interval": "0.05s", "timeout": "0.1s"}), timeout="0s")
        with proxy.connect() as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            upstream.wait_for()
            wait_until(lambda: upstream.links[0].pings >= 2, lambda: "pings")
            upstream.mute = True
            assert client.response().status == 503
        assert proxy.stat("cluster.up.http2.keepalive_timeout") == 1
