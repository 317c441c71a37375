"""Clients and upstreams that answer early, leave, reset, stall or send garbage (the fault table of the design)."""

import threading

import pytest

from support.bootstrap import bootstrap, cluster, http_listener, route
from support.http_client import ConnectionClosed, format_request
from support.upstream import reply, unused_port
from support.waiting import wait_until


class TestEarlyResponse:
    def test_response_before_the_body_is_complete_is_passed_on_at_once(self, through):
        def script(connection):
            connection.read_request_head()
            connection.send(reply(413, {}, "too much"))
            connection.wait_closed_or_bytes = connection.read_to_end()

        proxy, upstream = through(script=script)
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": "1000000"}) + b"x" * 1000)
            response = client.response()
            assert response.status == 413 and response.text == "too much"
            client.read_to_end()  # Neither side can tell where the next request would begin.
        wait_until(lambda: proxy.stat("cluster.up.upstream_cx_active") == 0, "the upstream connection not kept")

    def test_early_response_does_not_poison_the_next_request(self, through):
        def script(connection):
            while request := connection.read_request_head():
                if request.method == "POST":
                    connection.send(reply(200, {}, "early"))
                    connection.read_to_end()
                    return
                connection.send(reply(200, {}, "late"))

        proxy, upstream = through(script=script)
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"content-length": "40000"}) + b"x" * 10)
            assert client.response().text == "early"
        assert proxy.fetch("/").text == "late"


class TestBrokenClients:
    def test_client_that_leaves_cancels_the_upstream_request(self, through):
        gone = threading.Event()

        def script(connection):
            connection.read_request_head()
            connection.read_to_end()
            gone.set()

        proxy, upstream = through(script=script)
        client = proxy.connect()
        client.send(format_request())
        upstream.wait_for(1)
        client.close()
        assert gone.wait(20), "the upstream request went on without its client"
        proxy.wait_stat("http.in.downstream_cx_destroy_remote_active_rq")

    def test_client_that_leaves_in_its_body_cancels_the_upstream_request(self, through):
        proxy, upstream = through()
        client = proxy.connect()
        client.send(format_request("POST", "/", {"content-length": "100"}) + b"only part")
        wait_until(lambda: upstream.connections, "the request at the upstream")
        client.reset()
        wait_until(lambda: upstream.errors or upstream.broken or not upstream.requests and upstream.errors == [],
                   "the upstream told that the request is over")
        wait_until(lambda: proxy.stat("cluster.up.upstream_rq_active") == 0, "no request left active")

    def test_cut_chunked_request_is_never_completed(self, through):
        proxy, upstream = through()
        with proxy.connect() as client:
            client.send(format_request("POST", "/", {"transfer-encoding": "chunked"}) + b"5\r\nhello\r\n")
            upstream.wait_for(1)
        wait_until(lambda: upstream.errors, "the upstream connection ended")
        assert isinstance(upstream.errors[0], (ConnectionClosed, ConnectionResetError)), upstream.errors

    def test_client_that_leaves_in_the_response_is_counted(self, through):
        def script(connection):
            connection.read_request()
            connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart")
            connection.read_to_end()

        proxy, _ = through(script=script)
        client = proxy.connect()
        client.send(format_request())
        client.read_response_head()
        client.close()
        proxy.wait_stat("cluster.up.upstream_cx_destroy_local_with_active_rq")


class TestBrokenUpstreams:
    def test_refused_connection_is_503(self, through, start):
        proxy = start(bootstrap([http_listener(route(to="up"))], [cluster("up", unused_port())]))
        response = proxy.fetch("/")
        assert response.status == 503 and "connect" in response.text.lower()
        assert proxy.wait_stat("cluster.up.upstream_cx_connect_fail") >= 1

    @pytest.mark.parametrize("ending", ["reset", "close"])
    def test_end_before_the_headers_is_503(self, through, ending):
        def script(connection):
            connection.read_request()
            getattr(connection, ending)()

        proxy, upstream = through(script=script)
        with proxy.connect() as client:
            for count in (1, 2):
                response = client.request("POST", body="not to be sent twice")
                assert response.status == 503
                assert len(upstream.requests) == count
        assert proxy.wait_stat("cluster.up.upstream_rq_5xx", 2) == 2

    @pytest.mark.parametrize("ending", ["reset", "close"])
    @pytest.mark.parametrize("framing", ["content-length: 100\r\n\r\npart", "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n"])
    def test_end_in_the_body_cuts_the_client_off(self, through, ending, framing):
        def script(connection):
            connection.read_request()
            connection.send("HTTP/1.1 200 OK\r\n" + framing)
            getattr(connection, ending)()

        proxy, _ = through(script=script)
        with proxy.connect() as client:
            with pytest.raises((ConnectionClosed, ConnectionResetError)):
                client.request()
        proxy.wait_stat("cluster.up.upstream_cx_destroy_remote_with_active_rq")

    @pytest.mark.parametrize("garbage", [
        b"\x00\x01\x02\x03\r\n\r\n", b"HTTP/1.1 2x0 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\na",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        pytest.param(b"HTTP/3.0 200 OK\r\n\r\n", marks=pytest.mark.remora_only("Envoy takes any version of a response")),
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n"])
    def test_garbage_from_the_upstream_is_an_upstream_error(self, through, garbage):
        def script(connection):
            connection.read_request()
            connection.send(garbage)
            connection.read_to_end()

        proxy, _ = through(script=script)
        assert proxy.fetch("/").status in (502, 503)
        assert proxy.wait_stat("cluster.up.upstream_cx_protocol_error") == 1

    def test_too_large_response_headers_are_an_upstream_error(self, through):
        proxy, _ = through(answer=lambda _: reply(200, [(f"x-{i}", "y" * 8000) for i in range(20)]))
        assert proxy.fetch("/").status in (502, 503)

    def test_bytes_on_an_idle_connection_close_it_and_answer_nobody(self, through):
        closed = threading.Event()

        def script(connection):
            connection.read_request()
            connection.send(reply(200, {}, "right"))
            if connection.number == 0:
                connection.send(reply(200, {}, "unsolicited"))
            connection.read_to_end()
            closed.set()

        proxy, upstream = through(script=script)
        with proxy.connect() as client:
            assert client.request().text == "right"
            assert closed.wait(20), "the connection was kept"
            assert client.request().text == "right"
        assert len(upstream.connections) == 2

    def test_bytes_after_a_response_are_never_the_next_response(self, through):
        def script(connection):
            connection.read_request()
            surplus = reply(200, {}, "smuggled") if connection.number == 0 else b""
            connection.send(reply(200, {}, "right") + surplus)
            connection.read_to_end()

        proxy, _ = through(script=script)
        with proxy.connect() as client:
            assert client.request().text == "right"
            assert client.request().text == "right"

    def test_idle_connection_closed_by_the_upstream_is_not_used_again(self, through):
        def script(connection):
            connection.read_request()
            connection.send(reply(200, {}, str(connection.number)))

        proxy, _ = through(script=script)
        with proxy.connect() as client:
            for number in range(5):
                assert client.request().text == str(number)
                wait_until(lambda: proxy.stat("cluster.up.upstream_cx_active") == 0, "the close noticed")

    @pytest.mark.remora_only("Envoy answers 503 UC unless a retry policy says otherwise")
    def test_pooled_connection_that_closes_as_we_send_is_retried_once_on_a_fresh_one(self, through):
        def script(connection):
            connection.read_request()
            connection.send(reply(200, {}, "first"))
            if connection.number == 0:
                connection.read_request_head()  # The race: the request was on its way when the server gave up.
                connection.reset()
                return
            connection.read_request()

        proxy, upstream = through(script=script)
        with proxy.connect() as client:
            assert client.request().status == 200
            assert client.request("GET", "/again").status == 200
        assert [request.target for request in upstream.requests] == ["/", "/again", "/again"]

    def test_hanging_connect_times_out(self, start):
        """192.0.2.0/24 is for documentation: nobody answers there, or the network says so at once."""
        proxy = start(bootstrap([http_listener(route(to="up"))], [
            cluster("up", {"endpoint": {"address": {"socket_address": {"address": "192.0.2.1", "port_value": 9}}}},
                    connect_timeout="0.25s")]))
        response = proxy.fetch("/")
        assert response.status == 503
