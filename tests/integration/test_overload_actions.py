"""What the overload manager's actions do to traffic: beside the real Envoy, each when a file says that a resource runs short."""

import pytest

from support.bootstrap import bootstrap, cluster, file_log, http_listener, route
from support.certificates import Authority, downstream_tls
from support.http2_client import Http2Client
from support.http_client import Client, ConnectionClosed, format_request
from support.overload import action, injected, manager, press, scaled, wait_value  # noqa: F401
from support.upstream import Upstream
from support.waiting import wait_until

FORMAT = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %PROTOCOL%\n"


@pytest.fixture
def under_pressure(start, injected, tmp_path):
    """A proxy with these actions: direct answers at /, an upstream at /up. `others`: further listeners."""

    def begin(*actions, upstream=1, others=(), settings=None, **more):
        listener = http_listener(route("/up", to="up"), route("/", respond=(200, "here")),
                                 access_log=[file_log(tmp_path / "log", FORMAT)], **(settings or {}))
        return start(bootstrap([listener, *others], [cluster("up", upstream)],
                               overload_manager=manager(injected.monitor(), actions=actions)), **more)
    return begin


def bypassing(name="bypass"):
    return {**http_listener(route("/", respond=(200, "here")), name=name), "bypass_overload_manager": True}


def is_refused(port):
    """Accepted by the kernel, closed by the proxy before it said anything."""
    try:
        with Client(port) as client:
            client.send(format_request())
            client.response()
    except (ConnectionClosed, ConnectionResetError, BrokenPipeError):
        return True
    return False


class TestStopAcceptingRequests:
    STOP = action("stop_accepting_requests")

    def test_is_answered(self, under_pressure, injected, tmp_path):
        proxy = under_pressure(self.STOP, others=[bypassing()])
        assert proxy.fetch().status == 200
        press(proxy, injected, 0.5, self.STOP)
        with proxy.connect() as client:
            for _ in range(2):  # the connection is kept
                response = client.request()
                assert (response.status, response.text, response.get("content-type")) == (503, "envoy overloaded", "text/plain")
                assert not response.has("x-envoy-local-overloaded") and not response.has("connection")
        with Http2Client(proxy.port()) as client:
            response = client.fetch()
            assert (response.status, response.text, client.goaway) == (503, "envoy overloaded", None)
        called = proxy.fetch(headers=[("content-type", "application/grpc")])
        assert (called.status, called.get("grpc-status"), called.get("grpc-message")) == (200, "14", "envoy overloaded")
        assert proxy.fetch(listener="bypass").text == "here"
        proxy.wait_stat("http.in.downstream_rq_overload_close", 4)
        assert proxy.stat("http.in.downstream_rq_5xx") == 3
        log = wait_until(lambda: len(lines := (tmp_path / "log").read_text().splitlines()) == 5 and lines, "five lines")
        assert log == ["200 - direct_response HTTP/1.1", "503 - overload HTTP/1.1", "503 - overload HTTP/1.1", "503 - overload HTTP/2",
                       "200 - overload HTTP/1.1"]
        press(proxy, injected, 0.4, self.STOP, 0)
        assert proxy.fetch().status == 200

    def test_says_so_where_it_is_asked_to(self, under_pressure, injected):
        proxy = under_pressure(self.STOP, settings={"append_local_overload": True})
        press(proxy, injected, 1, self.STOP)
        assert proxy.fetch().get("x-envoy-local-overloaded") == "true"
        assert proxy.fetch(method="POST", body=b"x" * 100).get("x-envoy-local-overloaded") == "true"

    def test_a_part_of_them(self, under_pressure, injected):
        some = action("stop_accepting_requests", scaled("file", 0, 1))
        proxy = under_pressure(some)
        press(proxy, injected, 0.5, some, 50)
        with proxy.connect() as client:
            seen = [client.request().status for _ in range(400)]
        # Of 400 with one half each, fewer than 120 of one kind come once in 10^15.
        assert 120 < seen.count(503) < 280 and seen.count(503) + seen.count(200) == 400


class TestDisableHttpKeepalive:
    DISABLE = action("disable_http_keepalive")

    def test_http1_closes(self, under_pressure, injected):
        proxy = under_pressure(self.DISABLE, others=[bypassing()])
        with proxy.connect() as client, proxy.connect("bypass") as other:
            assert not client.request().has("connection")
            press(proxy, injected, 1, self.DISABLE)
            assert client.request().get("connection") == "close"
            client.wait_closed()
            assert not other.request().has("connection")
        proxy.wait_stat("http.in.downstream_cx_overload_disable_keepalive")
        assert proxy.stat("http.in.downstream_cx_drain_close") == 1

    def test_http2_goes_away_and_serves_what_is_under_way(self, under_pressure, injected):
        proxy = under_pressure(self.DISABLE)
        press(proxy, injected, 1, self.DISABLE)
        with Http2Client(proxy.port()) as client:
            assert client.fetch().status == 200
            assert (client.goaway, client.last_stream) == (0, 2**31 - 1)
            assert client.fetch().status == 200
        assert proxy.stat("http.in.downstream_cx_overload_disable_keepalive") == 1
        press(proxy, injected, 0, self.DISABLE, 0)
        assert not proxy.fetch().has("connection")


def test_stop_accepting_connections(under_pressure, injected):
    """Who comes waits in the kernel, and is served when there is room again; who is there is served."""
    stop = action("stop_accepting_connections")
    proxy = under_pressure(stop, others=[bypassing()])
    with proxy.connect() as before:
        assert before.request().status == 200
        press(proxy, injected, 0.5, stop)
        with proxy.connect() as waiting:
            waiting.send(format_request())
            assert proxy.fetch(listener="bypass").status == 200
            assert before.request().status == 200
            assert proxy.stat("http.in.downstream_cx_total") == 1
            injected.set(0)
            assert waiting.response().status == 200
    assert proxy.stat("http.in.downstream_cx_total") == 2


def test_stopping_in_part_stops_nobody(under_pressure, injected):
    some = action("stop_accepting_connections", scaled("file", 0, 1))
    proxy = under_pressure(some)
    press(proxy, injected, 0.75, some, 75)
    assert [proxy.fetch().status for _ in range(20)] == [200] * 20


class TestRejectIncomingConnections:
    def test_closes_at_once(self, under_pressure, injected):
        reject = action("reject_incoming_connections")
        proxy = under_pressure(reject, others=[bypassing()], settings={})
        with proxy.connect() as before:
            assert before.request().status == 200
            press(proxy, injected, 0.5, reject)
            assert is_refused(proxy.port())
            assert before.request().status == 200
        assert proxy.fetch(listener="bypass").status == 200
        assert sum(proxy.stats("^listener.127.*downstream_cx_overload_reject").values()) == 1
        assert proxy.stat("http.in.downstream_cx_total") == 1
        press(proxy, injected, 0, reject, 0)
        assert proxy.fetch().status == 200

    def test_a_part_of_them(self, under_pressure, injected):
        some = action("reject_incoming_connections", scaled("file", 0, 1))
        proxy = under_pressure(some)
        press(proxy, injected, 0.5, some, 50)
        refused = sum(is_refused(proxy.port()) for _ in range(200))
        assert 50 < refused < 150  # beyond that once in 10^12
        proxy.wait_stat("http.in.downstream_cx_total", 200 - refused)
        assert sum(proxy.stats("downstream_cx_overload_reject").values()) == refused


class TestReduceTimeouts:
    """All are an hour long, and 1 ms under pressure: what ends does so because that reached timers that run already."""

    @staticmethod
    def reduce(timer, **least):
        return action("reduce_timeouts", scaled("file", 0.5, 1), reduced=[{"timer": timer, **(least or {"min_timeout": "0.001s"})}])

    def test_idle_connections(self, under_pressure, injected):
        reduced = self.reduce("HTTP_DOWNSTREAM_CONNECTION_IDLE")
        proxy = under_pressure(reduced, others=[bypassing()])
        with Http2Client(proxy.port()) as client, proxy.connect("bypass") as other:
            assert client.fetch().status == 200 and other.request().status == 200
            press(proxy, injected, 0.5, reduced, 0)
            assert client.fetch().status == 200
            assert proxy.stat("http.in.downstream_cx_idle_timeout") == 0
            injected.set(1)
            client.wait(lambda: client.goaway is not None, "a GOAWAY")
            assert other.request().status == 200
        proxy.wait_stat("http.in.downstream_cx_idle_timeout")

    def test_a_connection_that_comes_under_pressure(self, under_pressure, injected):
        reduced = self.reduce("HTTP_DOWNSTREAM_CONNECTION_IDLE", min_scale={"value": 0.001})
        proxy = under_pressure(reduced, settings={"common_http_protocol_options": {"idle_timeout": "100s"}})
        press(proxy, injected, 1, reduced)
        with Http2Client(proxy.port()) as client:
            assert client.fetch().status == 200
            client.wait(lambda: client.goaway is not None, "a GOAWAY")

    def test_idle_streams(self, under_pressure, injected, closing, tmp_path):
        silent = closing(Upstream(script=lambda connection: connection.read_to_end()))
        reduced = self.reduce("HTTP_DOWNSTREAM_STREAM_IDLE")
        proxy = under_pressure(reduced, upstream=silent.port, settings={"stream_idle_timeout": "3600s"})
        with proxy.connect() as client, Http2Client(proxy.port()) as other:
            client.send(format_request(target="/up"))
            stream = other.request("/up")
            silent.wait_connections(2) if hasattr(silent, "wait_connections") else proxy.wait_stat("cluster.up.upstream_rq_active", 2)
            injected.set(1)
            assert (answer := client.response()).status == 504 and answer.text == "stream timeout"
            assert other.finish(stream).status == 504
        proxy.wait_stat("http.in.downstream_rq_idle_timeout", 2)
        log = wait_until(lambda: len(lines := (tmp_path / "log").read_text().splitlines()) == 2 and lines, "two lines")
        assert sorted(log) == ["504 SI stream_idle_timeout HTTP/1.1", "504 SI stream_idle_timeout HTTP/2"]

    def test_handshakes(self, under_pressure, injected, tmp_path):
        listener = http_listener(route("/", respond=(200, "")), name="tls")
        listener["filter_chains"][0] |= {"transport_socket": downstream_tls(Authority(tmp_path).issue("test.local")),
                                         "transport_socket_connect_timeout": "3600s"}
        reduced = self.reduce("TRANSPORT_SOCKET_CONNECT")
        proxy = under_pressure(reduced, others=[listener])
        with proxy.connect("tls") as client:
            proxy.wait_stat("http.tls.downstream_cx_ssl_total") if proxy.kind == "remora" else None
            injected.set(1)
            client.wait_closed()
        wait_until(lambda: sum(proxy.stats("downstream_cx_transport_socket_connect_timeout").values()) == 1, "one that was too slow")

    def test_the_life_of_a_connection(self, under_pressure, injected):
        reduced = self.reduce("HTTP_DOWNSTREAM_CONNECTION_MAX")
        proxy = under_pressure(reduced, settings={"common_http_protocol_options": {"max_connection_duration": "3600s"}})
        with Http2Client(proxy.port()) as client:
            assert client.fetch().status == 200
            injected.set(1)
            client.wait(lambda: client.goaway is not None, "a GOAWAY")
        proxy.wait_stat("http.in.downstream_cx_max_duration_reached")


def test_many_workers_go_by_one_state(under_pressure, injected):
    stop = TestStopAcceptingRequests.STOP
    proxy = under_pressure(stop, concurrency=4)
    clients = [proxy.connect() for _ in range(16)]
    assert [client.request().status for client in clients] == [200] * 16
    press(proxy, injected, 1, stop)
    assert [client.request().status for client in clients] == [503] * 16
    press(proxy, injected, 0, stop, 0)
    assert [client.request().status for client in clients] == [200] * 16
    for client in clients:
        client.close()
    wait_value(proxy, "http.in.downstream_rq_overload_close", 16)
