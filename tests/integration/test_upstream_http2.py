"""HTTP/2 towards upstreams: many streams on a connection, and what happens when a server limits, refuses, resets or leaves."""

import contextlib

import pytest

from support.bootstrap import HTTP_OPTIONS, bootstrap, cluster, http_listener, route, typed
from support.http2_server import Codes, Http2Upstream
from support.http_client import format_request
from support.upstream import Upstream
from support.waiting import wait_until

REFUSED, CANCEL, INTERNAL = 7, 8, 2


def http2_options(common=None, **http2):
    options = typed(HTTP_OPTIONS, explicit_http_config={"http2_protocol_options": http2})
    if common:
        options["common_http_protocol_options"] = common
    return {"typed_extension_protocol_options": {HTTP_OPTIONS: options}}


@pytest.fixture
def behind(start):
    """A proxy in front of HTTP/2 upstreams; `route` fields and cluster fields by keyword."""
    def begin(*upstreams, common=None, http2=None, route_fields=None, **fields):
        ports = [upstream.port for upstream in upstreams]
        return start(bootstrap([http_listener(route(to="up", **(route_fields or {})))], [
            cluster("up", *ports, **http2_options(common, **(http2 or {})), **fields)]))
    return begin


@contextlib.contextmanager
def clients(proxy, count):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(proxy.connect()) for _ in range(count)]


def finish_all(streams, opened):
    """Answers what still waits; every client gets its answer."""
    for stream in list(streams):
        stream.respond()
    assert all(client.response().status == 200 for client in opened)


def ask_all(opened, **request):
    for client in opened:
        client.send(format_request(**request))


class TestMultiplexing:
    def test_a_request_and_its_answer(self, behind):
        with Http2Upstream() as up:
            response = behind(up).fetch("/path?q=1", "POST", {"x-some": "value"}, b"hello")
            assert (response.status, response.text, response.get("x-upstream")) == (200, "upstream", "upstream")
            stream = up.wait_for()[0]
            assert stream.body == b"hello"
            assert [stream.get(name) for name in (":method", ":path", ":scheme", ":authority", "x-some")] == \
                ["POST", "/path?q=1", "http", "test.local", "value"]
            assert not any(stream.has(name) for name in ("host", "connection", "transfer-encoding"))

    def test_waiting_requests_share_one_connection(self, behind):
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up)
            with clients(proxy, 20) as opened:
                ask_all(opened)
                for stream in list(up.wait_for(20)):
                    stream.respond(200, body=b"late")
                assert {client.response().text for client in opened} == {"late"}
            assert len(up.links) == 1
            assert proxy.stat("cluster.up.upstream_cx_http2_total") == 1
            assert proxy.stat("cluster.up.upstream_cx_http1_total") == 0
            assert proxy.stat("cluster.up.upstream_rq_total") == 20
            assert proxy.stat("cluster.up.upstream_rq_active") == 0

    def test_a_limit_of_our_own_makes_more_connections(self, behind):
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up, http2={"max_concurrent_streams": 4})
            with clients(proxy, 10) as opened:
                ask_all(opened)
                up.wait_for(10)
                assert sorted(len(link.streams) for link in up.links) == [2, 4, 4]
                finish_all(up.streams, opened)

    @pytest.mark.remora_only("it opens more streams on a new connection than the last one allowed")
    def test_the_servers_limit_counts_once_it_is_known(self, behind):
        with Http2Upstream(settings={Codes.MAX_CONCURRENT_STREAMS: 2}) as up:
            proxy = behind(up)
            assert proxy.fetch().status == 200
            up.on_request = lambda stream: None
            with clients(proxy, 5) as opened:
                ask_all(opened)
                up.wait_for(6)
                assert len(up.links) == 3
                finish_all(up.streams[1:], opened)

    def test_settings_that_come_in_flight_hold_requests_back(self, behind):
        """The limit falls to one while three streams are open: they go on, the next request needs a new connection."""
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up)
            with clients(proxy, 4) as opened:
                ask_all(opened[:3])
                up.wait_for(3)
                up.links[0].set({Codes.MAX_CONCURRENT_STREAMS: 1})
                wait_until(lambda: up.links[0].http.local_settings.max_concurrent_streams == 1, lambda: "settings acknowledged")
                ask_all(opened[3:])
                up.wait_for(4)
                assert [len(link.streams) for link in up.links] == [3, 1]
                finish_all(up.streams, opened)

    def test_requests_per_connection(self, behind):
        with Http2Upstream() as up:
            proxy = behind(up, common={"max_requests_per_connection": 3})
            with proxy.connect() as client:
                assert all(client.request().status == 200 for _ in range(7))
            assert [len(link.streams) for link in up.links] == [3, 3, 1]
            assert proxy.stat("cluster.up.upstream_cx_max_requests") == 2
            wait_until(lambda: up.links[0].closed and up.links[1].closed, lambda: "the spent ones closed")

    def test_idle_and_old_connections_go(self, behind):
        with Http2Upstream() as up:
            proxy = behind(up, common={"idle_timeout": "0.2s"})
            assert proxy.fetch().status == 200
            wait_until(lambda: up.links[0].closed, lambda: "idle connection closed")
            assert proxy.stat("cluster.up.upstream_cx_idle_timeout") == 1
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up, common={"max_connection_duration": "0.2s"})
            with clients(proxy, 2) as opened:
                ask_all(opened[:1])
                up.wait_for(1)
                proxy.wait_stat("cluster.up.upstream_cx_max_duration_reached")
                ask_all(opened[1:])
                up.wait_for(2)
                assert len(up.links) == 2 and not up.links[0].closed
                finish_all(up.streams, opened)
            wait_until(lambda: up.links[0].closed, lambda: "old connection closed behind its last stream")

    def test_breakers_count_streams(self, behind):
        breakers = {"circuit_breakers": {"thresholds": [{"max_requests": 3}]}}
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up, **breakers)
            with clients(proxy, 5) as opened:
                ask_all(opened)
                up.wait_for(3)
                proxy.wait_stat("cluster.up.upstream_rq_active_overflow", 2)
                for stream in list(up.streams):
                    stream.respond()
                statuses = sorted(client.response().status for client in opened)
                assert statuses == [200, 200, 200, 503, 503]


class TestLeaving:
    def test_goaway_lets_streams_under_way_finish(self, behind):
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up)
            with clients(proxy, 2) as opened:
                ask_all(opened[:1])
                up.wait_for(1)
                up.links[0].go_away(1)
                proxy.wait_stat("cluster.up.upstream_cx_close_notify")
                ask_all(opened[1:])
                up.wait_for(2)
                assert len(up.links) == 2
                finish_all(up.streams, opened)
            wait_until(lambda: up.links[0].closed, lambda: "the drained connection closed")

    @pytest.mark.remora_only("no second chance without a policy")
    def test_streams_above_the_last_one_are_sent_again(self, behind):
        """A POST with its body, without any retry policy: the server says that it has not looked at it."""
        def leave(stream):
            if stream.link.number == 0:
                stream.link.go_away(0)
            else:
                stream.respond(200, body=stream.body)

        with Http2Upstream(on_request=leave) as up:
            proxy = behind(up)
            response = proxy.fetch("/", "POST", body=b"again")
            assert (response.status, response.text) == (200, "again")
            assert proxy.stat("cluster.up.upstream_rq_retry") == 0

    @pytest.mark.remora_only("no second chance without a policy")
    def test_refused_streams_are_sent_again_once(self, behind):
        def refuse(stream):
            if stream.link.number == 0:
                stream.reset(REFUSED)
            else:
                stream.respond()

        with Http2Upstream(on_request=refuse) as up:
            assert behind(up).fetch("/", "POST", body=b"x").status == 200
            assert len(up.links) == 2

    @pytest.mark.remora_only("no second chance without a policy")
    def test_who_refuses_everything_is_not_asked_for_ever(self, behind):
        with Http2Upstream(on_request=lambda stream: stream.reset(REFUSED)) as up:
            proxy = behind(up)
            response = proxy.fetch()
            assert response.status == 503
            assert "reset reason: remote refused stream reset" in response.text, response.text
            assert len(up.streams) == 2
        with Http2Upstream(on_request=lambda stream: stream.reset(REFUSED)) as up:
            retry = {"retry_policy": {"retry_on": "refused-stream", "num_retries": 3}}
            proxy = behind(up, route_fields=retry)
            assert proxy.fetch().status == 503
            assert len(up.streams) == 5
            assert proxy.stat("cluster.up.upstream_rq_retry") == 3

    def test_a_reset_before_the_answer_is_a_failure(self, behind):
        with Http2Upstream(on_request=lambda stream: stream.reset(INTERNAL)) as up:
            proxy = behind(up)
            response = proxy.fetch()
            assert response.status == 503
            assert "reset reason: remote reset" in response.text, response.text
            assert proxy.stat("cluster.up.upstream_rq_rx_reset") == 1
            assert proxy.stat("cluster.up.upstream_cx_active") == 1

    def test_a_reset_inside_the_body_cuts_the_answer(self, behind):
        def half(stream):
            stream.respond(200, [("content-length", "100")], b"half", end=False)
            stream.reset(CANCEL)

        with Http2Upstream(on_request=half) as up:
            proxy = behind(up)
            with proxy.connect() as client, pytest.raises(AssertionError):
                client.request()

    def test_a_client_that_leaves_resets_its_stream_only(self, behind):
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up)
            with clients(proxy, 2) as opened:
                ask_all(opened[:1])
                up.wait_for(1)
                ask_all(opened[1:])
                up.wait_for(2)
                opened[0].close()
                wait_until(lambda: up.streams[0].reset_code is not None, lambda: "stream reset")
                up.streams[1].respond(200, body=b"still here")
                assert opened[1].response().text == "still here"
            assert len(up.links) == 1

    def test_a_lost_connection_fails_its_streams(self, behind):
        with Http2Upstream(on_request=lambda stream: None) as up:
            proxy = behind(up)
            with clients(proxy, 3) as opened:
                ask_all(opened)
                up.wait_for(3)
                up.links[0].close()
                assert {client.response().status for client in opened} == {503}
            assert proxy.stat("cluster.up.upstream_cx_destroy_remote_with_active_rq") == 1
            assert proxy.stat("cluster.up.upstream_rq_active") == 0

    def test_bytes_that_are_no_http2(self, behind):
        def answer(connection):
            connection.read_until(b"SM\r\n\r\n", "in the preface")
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            connection.read_to_end()

        with Upstream(script=answer) as up:
            proxy = behind(up)
            response = proxy.fetch()
            assert response.status == 502 and "protocol error" in response.text, response
            assert proxy.stat("cluster.up.upstream_cx_protocol_error") == 1


class TestGrpcOutliers:
    OUTLIER = {"outlier_detection": {"consecutive_5xx": 2, "max_ejection_percent": 100, "interval": "60s"},
               "common_lb_config": {"healthy_panic_threshold": {"value": 0}}}
    CALL = {"content-type": "application/grpc", "te": "trailers"}

    @pytest.mark.parametrize("status, in_head, ejected", [(14, True, True), (5, True, False), (14, False, False)])
    def test_a_status_in_the_head_is_charged(self, behind, status, in_head, ejected):
        """UNAVAILABLE is a 503, NOT_FOUND is the caller's business; what comes in trailers is not looked at, as in Envoy."""
        def answer(stream):
            fields = [("content-type", "application/grpc"), ("grpc-status", str(status))]
            if in_head:
                stream.respond(200, fields)
            else:
                stream.respond(200, fields[:1], b"\0\0\0\0\0", trailers=fields[1:])

        with Http2Upstream(on_request=answer) as up:
            proxy = behind(up, **self.OUTLIER)
            for _ in range(2):
                assert proxy.fetch("/s/m", "POST", self.CALL, b"\0\0\0\0\0").status == 200
            if ejected:
                proxy.wait_stat("cluster.up.outlier_detection.ejections_active")
                assert proxy.fetch("/s/m", "POST", self.CALL, b"\0\0\0\0\0").get("grpc-status") == "14"  # ours: no host
            errors = proxy.admin_json("/clusters?format=json")["cluster_statuses"]
            host = next(entry for entry in errors if entry["name"] == "up")["host_statuses"][0]
            counts = {entry["name"]: int(entry.get("value", 0)) for entry in host["stats"]}
            assert (counts["rq_error"], counts["rq_success"]) == ((2, 0) if status == 14 else (0, 2))
            assert proxy.stat("cluster.up.outlier_detection.ejections_active") == int(ejected)
