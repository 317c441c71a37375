"""Load shed points of the overload manager, beside the real Envoy: where on its way what is too much is turned away."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http_listener, route
from support.http2_client import Http2Client
from support.http_client import Client, ConnectionClosed, format_request
from support.overload import injected, manager, point, press, wait_value  # noqa: F401
from support.upstream import Upstream, reply
from support.waiting import wait_until

FORMAT = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %PROTOCOL%\n"
SERVED, SHED = "200 - direct_response", "503 - overload"


@pytest.fixture
def shedding(start, injected, tmp_path):
    """A proxy with that load shed point, not yet under pressure; its second listener bypasses the overload manager."""

    def begin(name, upstream=1, settings=None, **more):
        routes = [route("/up", to="up"), route("/", respond=(200, "here"))]
        listeners = [http_listener(*routes, access_log=[file_log(tmp_path / "log", FORMAT)], **(settings or {})),
                     {**http_listener(*routes, name="bypass"), "bypass_overload_manager": True}]
        proxy = start(bootstrap(listeners, [cluster("up", upstream)],
                                overload_manager=manager(injected.monitor(), points=[point(name)])), **more)
        proxy.press = lambda: press(proxy, injected, 0.5, point(name))
        proxy.release = lambda: press(proxy, injected, 0.4, point(name), 0)
        proxy.shed = lambda: proxy.stat(f"overload.{point(name)['name']}.shed_load_count")
        return proxy
    return begin


def read_log(tmp_path, count):
    return wait_until(lambda: len(lines := (tmp_path / "log").read_text().splitlines()) == count and lines, f"{count} lines")


def closes_without_a_word(port):
    with Client(port) as client:
        try:
            client.send(format_request())
            client.response()
        except ConnectionClosed as closed:
            return not closed.seen
        except (ConnectionResetError, BrokenPipeError):
            return True
    return False


def test_tcp_listener_accept(shedding):
    proxy = shedding("tcp_listener_accept")
    with proxy.connect() as before:
        assert before.request().status == 200
        proxy.press()
        assert closes_without_a_word(proxy.port())
        assert before.request().status == 200
    assert proxy.fetch(listener="bypass").status == 200
    assert sum(proxy.stats("downstream_cx_overload_reject").values()) == 1 == proxy.shed()
    proxy.release()
    assert proxy.fetch().status == 200


def test_http_connection_manager_decode_headers(shedding, tmp_path):
    proxy = shedding("http_connection_manager_decode_headers", settings={"append_local_overload": True})
    proxy.press()
    with proxy.connect() as client, Http2Client(proxy.port()) as other:
        for answer in (client.request(), other.fetch()):
            assert (answer.status, answer.text, answer.get("x-envoy-local-overloaded")) == (503, "envoy overloaded", "true")
        assert proxy.fetch(listener="bypass").status == 200
        proxy.release()
        assert client.request().status == other.fetch().status == 200
    wait_value(proxy, "http.in.downstream_rq_overload_close", 2)
    assert proxy.shed() == 2
    assert read_log(tmp_path, 4) == [f"{SHED} HTTP/1.1", f"{SHED} HTTP/2", f"{SERVED} HTTP/1.1", f"{SERVED} HTTP/2"]


class TestHttp1ServerAbortDispatch:
    NAME = "http1_server_abort_dispatch"
    ABORTED = "500 DPE overload HTTP/1.1"

    def test_whoever_has_no_answer_gets_one(self, shedding, tmp_path):
        proxy = shedding(self.NAME)
        clients = [proxy.connect() for _ in range(3)]
        clients[0].request()  # and rests
        clients[1].send("GET / HTTP/1.1\r\nho")
        wait_value(proxy, "http.in.downstream_cx_active", 3)
        wait_until(lambda: proxy.stat("http.in.downstream_cx_rx_bytes_total") >= 50, "half a head")
        proxy.press()
        clients[0].send(format_request())
        clients[1].send("st: a\r\n\r\n")
        clients[2].send("G")
        for client in clients:
            answer = client.response()
            assert (answer.status, answer.text, answer.get("connection")) == (500, "Internal Server Error", "close")
            client.wait_closed()
            client.close()
        assert proxy.fetch(listener="bypass").status == 200
        with Http2Client(proxy.port()) as other:
            assert other.fetch().status == 200
        assert (proxy.stat("http.in.downstream_rq_overload_close"), proxy.shed()) == (3, 3)
        assert proxy.stat("http.in.downstream_cx_protocol_error") == 0
        assert read_log(tmp_path, 5) == [f"{SERVED} HTTP/1.1", *[self.ABORTED] * 3, f"{SERVED} HTTP/2"]
        proxy.release()
        assert proxy.fetch().status == 200

    def test_a_request_that_is_under_way(self, shedding, closing, tmp_path):
        upstream = closing(Upstream(script=lambda connection: connection.read_to_end()))
        proxy = shedding(self.NAME, upstream.port)
        with proxy.connect() as client:
            client.send("POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
            proxy.wait_stat("cluster.up.upstream_rq_active")
            proxy.press()
            client.send("cde")
            assert client.response().status == 500
            client.wait_closed()
        wait_value(proxy, "cluster.up.upstream_rq_active", 0)
        assert read_log(tmp_path, 1) == [self.ABORTED]

    def test_an_answer_that_has_begun_breaks_off(self, shedding, closing, tmp_path):
        def script(connection):
            connection.read_request_head()
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun")
            connection.read_to_end()
        proxy = shedding(self.NAME, closing(Upstream(script=script)).port)
        with proxy.connect() as client:
            client.send("POST /up HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
            assert client.read_response_head().status == 200 and client.read_exactly(5, "the beginning") == b"begun"
            proxy.press()
            client.send("cde")
            client.wait_closed()
        wait_value(proxy, "cluster.up.upstream_rq_active", 0)
        wait_value(proxy, "http.in.downstream_rq_active", 0)
        assert proxy.stat("http.in.downstream_rq_overload_close") == 1
        assert read_log(tmp_path, 1) == ["200 OM overload HTTP/1.1"]

    def test_answers_are_not_held_up(self, shedding, closing):
        go_on = threading.Event()

        def script(connection):
            connection.read_request()
            go_on.wait(20)
            connection.send(reply(200, body="late"))
        proxy = shedding(self.NAME, closing(Upstream(script=script)).port)
        with proxy.connect() as client:
            client.send(format_request(target="/up"))
            proxy.wait_stat("cluster.up.upstream_rq_active")
            proxy.press()
            go_on.set()
            assert client.response().text == "late"


class TestHttp2GoAway:
    @pytest.fixture
    def slow(self, closing):
        go_on = threading.Event()

        def script(connection):
            connection.read_request()
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
            go_on.wait(20)
            connection.send("cd")
            connection.read_to_end()
        upstream = closing(Upstream(script=script))
        upstream.go_on = go_on.set
        return upstream

    def test_on_dispatch(self, shedding, slow):
        proxy = shedding("http2_server_go_away_on_dispatch", slow.port, settings={"drain_timeout": "0.1s"})
        with Http2Client(proxy.port()) as client:
            stream = client.request("/up")
            client.wait(lambda: stream.body == b"ab", "half an answer")
            proxy.press()
            assert client.fetch("/").status == 200
            assert (client.goaway, client.last_stream) == (0, 2**31 - 1)
            slow.go_on()
            assert client.finish(stream).body == b"abcd"
            assert client.wait_goaway() == 0
        assert proxy.shed() >= 1
        with Http2Client(proxy.port("bypass")) as other:
            assert other.fetch().status == 200 and other.goaway is None

    def test_and_close(self, shedding, slow, tmp_path):
        proxy = shedding("http2_server_go_away_and_close_on_dispatch", slow.port)
        with Http2Client(proxy.port()) as client:
            stream = client.request("/up")
            client.wait(lambda: stream.body == b"ab", "half an answer")
            proxy.press()
            other = client.request("/")
            assert (client.wait_goaway(), client.last_stream) == (0, 1)
            assert not stream.complete and other.status is None
        with Http2Client(proxy.port()) as client:
            client.request("/")
            assert (client.wait_goaway(), client.last_stream) == (0, 0)
        wait_value(proxy, "http.in.downstream_rq_active", 0)
        assert proxy.stat("http.in.downstream_cx_destroy_local_active_rq") == 1
        assert proxy.stat("http.in.downstream_cx_protocol_error") == 0
        assert (proxy.stat("http2.goaway_sent"), proxy.shed()) == (2, 2)
        assert read_log(tmp_path, 1) == ["200 - forced_goaway HTTP/2"]

    @pytest.mark.remora_only("it closes connections of HTTP/1 as well, whatever the name says")
    def test_and_close_is_none_of_http1(self, shedding):
        proxy = shedding("http2_server_go_away_and_close_on_dispatch")
        proxy.press()
        assert proxy.fetch().status == 200


def test_hcm_ondata_creating_codec(shedding, tmp_path):
    proxy = shedding("hcm_ondata_creating_codec")
    with proxy.connect() as before:
        assert before.request().status == 200
        proxy.press()
        assert closes_without_a_word(proxy.port())
        with Http2Client(proxy.port()) as other:
            assert other.wait_goaway() is None
        assert before.request().status == 200
    assert proxy.fetch(listener="bypass").status == 200
    assert (proxy.stat("http.in.downstream_rq_overload_close"), proxy.shed()) == (2, 2)
    proxy.release()
    assert proxy.fetch().status == 200
    assert read_log(tmp_path, 3) == [f"{SERVED} HTTP/1.1"] * 3


def test_http_downstream_filter_check(shedding, closing, tmp_path):
    upstream = closing(Upstream())
    proxy = shedding("http_downstream_filter_check", upstream.port, settings={"append_local_overload": True})
    proxy.press()
    shed = proxy.fetch("/up")
    assert (shed.status, shed.text, shed.get("x-envoy-local-overloaded")) == (503, "envoy overloaded", None)
    assert proxy.fetch("/").status == 200  # nothing is asked of an upstream
    assert proxy.fetch("/up", listener="bypass").status == 200
    proxy.release()
    assert proxy.fetch("/up").status == 200
    assert len(upstream.requests) == 2
    wait_value(proxy, "http.in.rq_overload_local_reply", 1)
    assert (proxy.stat("http.in.downstream_rq_overload_close"), proxy.shed()) == (0, 1)
    assert read_log(tmp_path, 3) == [f"{SHED} HTTP/1.1", f"{SERVED} HTTP/1.1", "200 - via_upstream HTTP/1.1"]


def test_connection_pool_new_connection(shedding, closing, tmp_path):
    """What needs a new connection is answered; what finds one is served. Upstreams have no listener that could bypass it."""
    upstream = closing(Upstream())
    proxy = shedding("connection_pool_new_connection", upstream.port)
    proxy.press()
    shed = proxy.fetch("/up")
    assert (shed.status, shed.get("x-envoy-overloaded")) == (503, "true")
    assert shed.text == "upstream connect error or disconnect/reset before headers. reset reason: overflow"
    assert proxy.fetch("/up", listener="bypass").status == 503
    proxy.release()
    assert proxy.fetch("/up").status == 200
    proxy.press()
    assert proxy.fetch("/up").status == 200
    assert (proxy.stat("cluster.up.upstream_cx_total"), proxy.stat("cluster.up.upstream_rq_total"), proxy.shed()) == (1, 2, 2)
    assert proxy.stat("cluster.up.upstream_rq_pending_active") == 0
    assert read_log(tmp_path, 3) == ["503 UO upstream_reset_before_response_started{overflow} HTTP/1.1",
                                     *["200 - via_upstream HTTP/1.1"] * 2]
